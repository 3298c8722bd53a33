import { mkdir, mkdtemp, readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { execa, type ResultPromise } from 'execa'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { removeTree } from '../../../src/files/remove-tree.ts'
import {
  frrCommand,
  frrDaemons,
  makeFrrFolder,
  removeFrrFolder,
} from '../../../src/node/routing/frr/instance.ts'
import { Vtysh } from '../../../src/node/routing/frr/vtysh.ts'
import { patience } from '../../patience.ts'
import { until } from '../fixtures/lab/lab.ts'

const limitMs = patience(5000)
const instance = { name: 'vtysh-test', sockets: '' }
const daemons: ResultPromise[] = []
let dir: string
let vtysh: Vtysh

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'vtysh-test-'))
  instance.sockets = join(dir, 'vty')
  await mkdir(instance.sockets)
  await makeFrrFolder(instance.name)
  await execa('chown', ['-R', 'frr:frr', dir])
  for (const name of frrDaemons().flat()) {
    const [command, ...args] = frrCommand(instance, name)
    const daemon = execa(command, args, { reject: false, stdin: 'ignore' })
    daemon.catch(() => undefined)
    daemons.push(daemon as ResultPromise)
  }
  vtysh = new Vtysh(instance.sockets, limitMs)
  // readRunning answers as soon as one of the daemons does.
  await until(
    'bgpd answers',
    () => vtysh.show('show daemons'),
    (text) => text.includes('bgpd'),
  )
}, patience(60_000))

afterAll(async () => {
  for (const daemon of daemons) daemon.kill('SIGKILL')
  await Promise.all(daemons)
  await removeFrrFolder(instance.name)
  await removeTree(dir)
})

const bgpd = async () => Number(await readFile(join(instance.sockets, 'bgpd.pid'), 'utf8'))

/** How often it has waited for a request. */
const waitsOf = async (pid: number) =>
  /^voluntary_ctxt_switches:.*$/m.exec(await readFile(`/proc/${pid}/status`, 'utf8'))![0]

test('a configuration that takes longer than one answer may is read to its end', async () => {
  const pid = await bgpd()
  const entries = Array.from({ length: 60 }, (_, at) => [`route-map slow permit ${at + 1}`, 'exit']).flat()
  let isOver = false
  const startedAt = performance.now()
  const reading = vtysh.configure(entries).finally(() => {
    isOver = true
  })
  // As on a machine that is too busy: bgpd waits for most of the limit, then answers again.
  const slowing = (async () => {
    do {
      process.kill(pid, 'SIGSTOP')
      await delay(limitMs * 0.4)
      const before = await waitsOf(pid)
      process.kill(pid, 'SIGCONT')
      while (!isOver && (await waitsOf(pid)) === before) await delay(1)
    } while (!isOver && performance.now() - startedAt < limitMs * 1.5)
  })()
  expect(await reading).toEqual([])
  await slowing
  expect(performance.now() - startedAt).toBeGreaterThan(limitMs * 1.5)
  expect((await vtysh.readRunning()).match(/^route-map slow permit/gm)).toHaveLength(60)
})

test('a daemon that hangs is reported, and vtysh does not stay', async () => {
  const pid = await bgpd()
  process.kill(pid, 'SIGSTOP')
  try {
    const startedAt = performance.now()
    await expect(vtysh.readRunning()).rejects.toMatchObject({
      code: 'timeout',
      message: `vtysh had no answer for ${limitMs / 1000} s: a daemon of FRR hangs, or this machine is busy`,
    })
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(limitMs)
    const { stdout } = await execa('ps', ['-e', '-o', 'args='])
    expect(stdout).not.toContain(`vtysh --vty_socket ${instance.sockets}`)
  } finally {
    process.kill(pid, 'SIGCONT')
  }
})
