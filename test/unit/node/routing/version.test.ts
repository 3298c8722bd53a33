import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { readDaemonVersion } from '../../../../src/node/routing/version.ts'

let dir: string
let server: Server | undefined

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'r2-'))
})

afterEach(async () => {
  await new Promise((resolve) => (server === undefined ? resolve(undefined) : server.close(resolve)))
  server = undefined
  await rm(dir, { recursive: true, force: true })
})

/** Resolves to the path of its socket when it listens. */
function serve(greeting: string, answer: (command: string) => string): Promise<string> {
  const path = join(dir, 'socket')
  server = createServer((socket) => {
    socket.write(greeting)
    socket.on('data', (data) => socket.write(answer(data.toString())))
  })
  return new Promise((resolve) => server!.listen(path, () => resolve(path)))
}

test.each(['2.0.12', '2.17.6', '3.1.8'])("BIRD's version is that of its greeting: %s", async (version) => {
  const socketPath = await serve(`0001 BIRD ${version} ready.\n`, () => '')
  expect(await readDaemonVersion({ kind: 'bird', socketPath })).toBe(version)
})

test.each([
  ['FRRouting 8.4.4 (vm) on Linux(6.1.0).\r\nCopyright 1996-2005 Kunihiro Ishiguro, et al.\r\n', '8.4.4'],
  ['FRRouting 10.3 (fra1) on Linux(6.12.43+deb13-amd64).\nCopyright\n', '10.3'],
])("FRR's version is the first line of its answer: %s", async (text, version) => {
  const asked: string[] = []
  const socketPath = await serve('', (command) => {
    asked.push(command)
    return command === 'enable\0' ? '\0\0\0\0' : `${text}\0\0\0\0`
  })
  expect(await readDaemonVersion({ kind: 'frr', socketPath })).toBe(version)
  expect(asked).toEqual(['enable\0', 'show version\0'])
})

test.each(['bird', 'frr'] as const)('%s that does not run is an error with its code', async (kind) => {
  await expect(readDaemonVersion({ kind, socketPath: join(dir, 'none') })).rejects.toMatchObject({
    name: 'DaemonError',
    code: 'not-running',
  })
})
