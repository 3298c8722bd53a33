// node scripts/kernel/boot.mjs --kernel PATH --root IMAGE [--minutes N] -- COMMAND…
// Boots the kernel with systemd as process 1, runs the command there in this checkout, and exits with its exit code.
import { spawn } from 'node:child_process'
import {
  copyFileSync,
  cpSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statfsSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { measureSlowness } from '../testing/limit.mjs'

const MEMORY_GIB = 3
/** How many times longer a limit is in the guest than on this machine. */
const GUEST_SLOWNESS = 3
const root = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '')
const { values, positionals } = parseArgs({
  options: {
    kernel: { type: 'string' },
    root: { type: 'string' },
    minutes: { type: 'string', default: '80' },
  },
  allowPositionals: true,
})
if (values.kernel === undefined || values.root === undefined || positionals.length === 0) {
  console.error('usage: node scripts/kernel/boot.mjs --kernel PATH --root IMAGE [--minutes N] -- COMMAND…')
  process.exit(2)
}

const work = mkdtempSync(join(tmpdir(), 'anyward-kernel-'))
const share = mkdtempSync(join(tmpdir(), 'anyward-share-'))
copyFileSync(fileURLToPath(new URL('guest', import.meta.url)), join(share, 'guest'))
// A copy, because the guest must not see what changes here meanwhile. The packages are too many for that.
const copy = join(share, 'checkout')
const modules = join(root, 'node_modules')
const left = new Set([modules, join(root, '.git')])
cpSync(root, copy, { recursive: true, verbatimSymlinks: true, filter: (path) => !left.has(path) })
writeFileSync(join(share, 'run'), describeRun(positionals))
const console_ = join(work, 'console.log')
const log = openSync(console_, 'w')
const guest = spawn(
  values.kernel,
  [
    `mem=${MEMORY_GIB}G`,
    'ncpus=2',
    'seccomp=auto',
    `ubd0=${join(work, 'disk.cow')},${values.root}`,
    'root=/dev/ubda',
    'rw',
    'con=null',
    'con0=null,fd:1',
    'ssl=null',
    'ssl0=null,fd:3',
    'console=tty0',
    'systemd.show_status=no',
    // Linux 7.3.4 in user mode damages its page tables with it, and Debian 13's Node uses it.
    'sysctl.kernel.io_uring_disabled=2',
    `anyward.share=${share}`,
  ],
  { stdio: ['ignore', log, log, 'pipe'], detached: true, env: { ...process.env, TMPDIR: memoryFolder() } },
)
guest.stdio[3].pipe(process.stdout)

let ending = null
const end = (why) => {
  ending ??= why
  try {
    // The guest's processes are processes of the host, in one group.
    if (guest.pid !== undefined) process.kill(-guest.pid, 'SIGKILL')
  } catch {
    // It has ended already.
  }
}
const limit = setTimeout(
  () => end(`the time limit of ${values.minutes} minutes`),
  Number(values.minutes) * 60_000,
)
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => end(signal))
const [code, signal] = await new Promise((resolve) => {
  guest.once('error', (error) => resolve([error.message, null]))
  guest.once('close', (...how) => resolve(how))
})
clearTimeout(limit)
end(null)
const rc = readExitCode()
if (rc === null) {
  console.error(readFileSync(console_, 'utf8').split('\n').slice(-20).join('\n'))
  console.error(`kernel: the guest ended without an exit code: ${ending ?? signal ?? code}`)
}
for (const folder of [work, share]) rmSync(folder, { recursive: true, force: true })
process.exitCode = rc ?? 2

/** A script for the guest's bash. @param {string[]} command */
function describeRun(command) {
  const quote = (text) => `'${text.replaceAll("'", "'\\''")}'`
  const epoch = process.env.SOURCE_DATE_EPOCH ?? '1'
  const variables = {
    HOME: '/root',
    CI: process.env.CI ?? '',
    NO_COLOR: '1',
    SOURCE_DATE_EPOCH: epoch,
    ANYWARD_TEST_KERNEL: '1',
    ANYWARD_TEST_SLOWNESS:
      process.env.ANYWARD_TEST_SLOWNESS ?? (GUEST_SLOWNESS * measureSlowness()).toFixed(1),
  }
  return [
    ...Object.entries(variables).map(([name, value]) => `export ${name}=${quote(value)}`),
    `overlay ${quote(copy)} ${quote(root)} && overlay ${quote(modules)} ${quote(modules)} &&`,
    `cd ${quote(root)} && ${command.map(quote).join(' ')}`,
    '',
  ].join('\n')
}

/** The guest's memory is a file, which should be in memory. */
function memoryFolder() {
  try {
    const { bavail, bsize } = statfsSync('/dev/shm')
    if (bavail * bsize > MEMORY_GIB * 2 ** 30) return '/dev/shm'
  } catch {
    // There is none.
  }
  return tmpdir()
}

function readExitCode() {
  try {
    return Number(readFileSync(join(share, 'rc'), 'utf8'))
  } catch {
    return null
  }
}
