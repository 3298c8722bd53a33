import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { acquireLock, LockError } from '../../../src/files/lock.ts'

let folder: string
let file: string
const children: ChildProcess[] = []

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'anyward-lock-'))
  file = join(folder, 'test.lock')
})
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
  rmSync(folder, { recursive: true })
})

/** Takes the lock in another process. */
async function holdElsewhere(): Promise<ChildProcess> {
  const held = join(folder, 'held')
  const child = spawn('flock', [file, 'sh', '-c', 'touch "$0" && exec sleep 600', held], { stdio: 'ignore' })
  children.push(child)
  while (!existsSync(held)) await new Promise((resolve) => setTimeout(resolve, 5))
  chmodSync(file, 0o600)
  return child
}

const take = async (options?: { waitMs: number }) => {
  const lock = await acquireLock(file, options)
  if (lock.outcome !== 'locked') throw new Error(`the lock is ${lock.outcome}`)
  return lock
}

test('only one holder at a time, and the other gets the process that holds the lock', async () => {
  const first = await take()
  expect(await acquireLock(file)).toEqual({ outcome: 'busy', pid: process.pid })
  first.release()
  first.release()
  const second = await take()
  expect(await acquireLock(file)).toEqual({ outcome: 'busy', pid: process.pid })
  second.release()
})

test('of many that try at once, only one holds the lock at any time', async () => {
  let inside = 0
  let turns = 0
  await Promise.all(
    Array.from({ length: 20 }, async () => {
      const lock = await take({ waitMs: 60_000 })
      inside += 1
      expect(inside).toBe(1)
      await new Promise((resolve) => setImmediate(resolve))
      inside -= 1
      turns += 1
      lock.release()
    }),
  )
  expect(turns).toBe(20)
})

test('another process keeps the lock until it ends, also by SIGKILL', async () => {
  const child = await holdElsewhere()
  expect((await acquireLock(file)).outcome).toBe('busy')
  expect((await acquireLock(file, { waitMs: 30 })).outcome).toBe('busy')
  // `flock` runs its command as a child, which shares the lock.
  const [sleep] = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').trim().split(' ')
  const waiting = take({ waitMs: 60_000 })
  process.kill(Number(sleep), 'SIGKILL')
  ;(await waiting).release()
})

test('a process that ended is not named as the holder', async () => {
  const ended = spawn('true')
  await once(ended, 'exit')
  writeFileSync(file, `${ended.pid}\n`, { mode: 0o600 })
  await holdElsewhere()
  expect(await acquireLock(file)).toEqual({ outcome: 'busy', pid: null })
})

test('no child inherits the lock', async () => {
  const lock = await take()
  const child = spawn('sleep', ['600'], { detached: true, stdio: 'ignore' })
  children.push(child)
  await once(child, 'spawn')
  const { stdout } = await execa('ls', ['-l', `/proc/${child.pid}/fd`])
  expect(stdout).not.toContain(file)
  lock.release()
  ;(await take()).release()
})

test('only its owner can open the file, whatever the umask', async () => {
  const umask = process.umask(0)
  try {
    ;(await take()).release()
  } finally {
    process.umask(umask)
  }
  expect(statSync(file).mode & 0o777).toBe(0o600)
})

test.runIf(process.getuid!() === 0)('root gives the file to the owner of the folder', async () => {
  await execa('chown', ['65534:65534', folder])
  ;(await take()).release()
  expect(statSync(file)).toMatchObject({ uid: 65534, gid: 65534 })
})

test('a file that was removed while another process held it does not count as a lock', async () => {
  const child = await holdElsewhere()
  rmSync(file)
  const lock = await take()
  expect(await acquireLock(file)).toMatchObject({ outcome: 'busy', pid: process.pid })
  lock.release()
  child.kill('SIGKILL')
})

test.each([
  [
    'a symbolic link',
    async () => symlinkSync(join(folder, 'target'), file),
    /cannot be opened \(ELOOP\): it is a link/,
  ],
  ['a folder', async () => mkdirSync(file), /cannot be opened \(EISDIR\)/],
  ['a named pipe', () => execa('mkfifo', ['-m', '600', file]), /is not a regular file: remove it/],
  [
    'a file that others can open',
    async () => {
      closeSync(openSync(file, 'w'))
      chmodSync(file, 0o644)
    },
    /may be opened by other users: remove it/,
  ],
])('%s in its place is refused, with the path and the remedy', async (_, lay, message) => {
  await lay()
  const failure = await acquireLock(file).catch((error: unknown) => error)
  expect(failure).toBeInstanceOf(LockError)
  expect((failure as Error).message).toMatch(message)
  expect((failure as Error).message).toContain(file)
  expect(existsSync(join(folder, 'target'))).toBe(false)
})

test('a missing folder is an error that names it', async () => {
  file = join(folder, 'none', 'test.lock')
  await expect(acquireLock(file)).rejects.toThrow(
    `the lock file ${file} cannot be opened (ENOENT): check that`,
  )
})

test('a missing flock program is an error that names it, and leaves no descriptor open', async () => {
  const { PATH } = process.env
  process.env.PATH = folder
  try {
    await expect(acquireLock(file)).rejects.toThrow(`${file} cannot be locked: install util-linux`)
  } finally {
    process.env.PATH = PATH
  }
  ;(await take()).release()
})
