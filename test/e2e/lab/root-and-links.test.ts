import {
  chmod,
  chown,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type ExecaError, execa } from 'execa'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { findOwner, installFiles } from '../../../src/node/apply/files.ts'
import { readByScratchDaemons } from '../../../src/node/routing/frr/scratch.ts'

const text = 'a file of root\n'
let dir: string
/** A file of root that another user tries to overwrite or to own. */
let victim: string

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'links-'))
  await chmod(dir, 0o755)
  victim = join(dir, 'victim')
})
beforeEach(async () => {
  await writeFile(victim, text)
  await chown(victim, 0, 0)
  await chmod(victim, 0o600)
})
afterAll(() => rm(dir, { recursive: true, force: true }))

/** Runs a script in a loop as the user frr while `work` runs; the script prints `ready` first. */
async function besideFrr(loop: string, work: () => Promise<void>): Promise<void> {
  const script = `const fs = require('node:fs'); console.log('ready'); for (;;) { try { ${loop} } catch {} }`
  const child = execa(
    'setpriv',
    ['--reuid=frr', '--regid=frr', '--clear-groups', process.execPath, '-e', script],
    {
      cwd: '/',
      stdin: 'ignore',
    },
  )
  const ended = child.catch((error: ExecaError) => error)
  try {
    await new Promise((resolve) => child.stdout.once('data', resolve))
    await work()
  } finally {
    child.kill('SIGKILL')
    await ended
  }
}

const expectUntouched = async () => {
  expect(await readFile(victim, 'utf8')).toBe(text)
  const { uid, mode } = await stat(victim)
  expect([uid, mode & 0o7777]).toEqual([0, 0o600])
}

test('a trial of FRR’s daemons follows no symbolic link made by the user frr', async () => {
  const scratch = join(dir, 'tmp')
  await mkdir(scratch)
  await chmod(scratch, 0o1777)
  const before = process.env.TMPDIR
  process.env.TMPDIR = scratch
  const plant = `
    for (const name of fs.readdirSync('${scratch}')) {
      for (const daemon of ['zebra', 'staticd', 'bfdd', 'bgpd', 'log']) {
        try { fs.symlinkSync('${victim}', '${scratch}/' + name + '/vty/' + daemon + '.out') } catch {}
      }
    }`
  try {
    await besideFrr(plant, async () => {
      for (let round = 0; round < 2; round += 1) {
        const { complaints } = await readByScratchDaemons('router bgp 64500\n')
        expect(complaints).toEqual([])
        expect(await readdir(scratch)).toEqual([])
      }
    })
  } finally {
    if (before === undefined) delete process.env.TMPDIR
    else process.env.TMPDIR = before
  }
  await expectUntouched()
})

test('the installation of a file in a folder of the user frr does not give frr a file of root', async () => {
  const folder = join(dir, 'frr')
  await mkdir(folder)
  const owner = await findOwner('frr')
  await chown(folder, owner.uid, owner.gid)
  const path = join(folder, 'frr.conf')
  const swap = `
    fs.symlinkSync('${victim}', '${folder}/link')
    fs.renameSync('${folder}/link', '${folder}/.frr.conf.anyward')`
  await besideFrr(swap, async () => {
    for (let round = 0; round < 300; round += 1) {
      // Where the link exists first, the installation fails and changes nothing.
      await installFiles([{ path, content: `${round}\n`, mode: 0o640, ...owner }]).catch(
        (error: NodeJS.ErrnoException) =>
          expect(error.message).toMatch(/EEXIST|ENOENT|is a link of another user/),
      )
      const { uid } = await stat(victim)
      if (uid !== 0) break
    }
  })
  await expectUntouched()
  // Without interference it works again.
  await rm(path, { force: true })
  await installFiles([{ path, content: 'whole\n', mode: 0o640, ...owner }])
  expect(await readFile(path, 'utf8')).toBe('whole\n')
  expect(await stat(path)).toMatchObject({ uid: owner.uid, gid: owner.gid })
})

test('the root command that BIRD’s unit runs before BIRD starts removes a symbolic link, not its target', async () => {
  const folder = join(dir, 'run')
  await mkdir(folder)
  const include = join(folder, 'announce.conf')
  await symlink(victim, include)
  const unit = await readFile('scripts/packaging/units/bird.service.d.conf', 'utf8')
  const [program, ...args] = /^ExecStartPre=-(.+)$/m
    .exec(unit)![1]!
    .replace('/run/anyward/announce.conf', include)
    .split(' ')
  await execa(program!, args)
  await expectUntouched()
  await expect(stat(include)).rejects.toThrow('ENOENT')
})
