import { chmod, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterEach, beforeEach, expect, onTestFinished, test } from 'vitest'
import type { LinkSnapshot } from '../../../src/linux/link-snapshot.ts'
import {
  type LinkWatch,
  type LinkWatchError,
  type LinkWatchOptions,
  watchLinks,
} from '../../../src/linux/link-watch.ts'
import { patience } from '../../patience.ts'
import { until } from '../fixtures/routing/until.ts'

const namespace = `r1l${process.pid}`
/** Runs `ip` inside the namespace, since this process cannot enter it. */
let program: string
let dir: string

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'r1-'))
  program = join(dir, 'ip-in-namespace')
  await writeFile(program, `#!/bin/sh\nexec ip netns exec ${namespace} ip "$@"\n`)
  await chmod(program, 0o755)
  await execa('ip', ['netns', 'add', namespace])
})

afterEach(async () => {
  await execa('ip', ['netns', 'del', namespace], { reject: false })
  await rm(dir, { recursive: true, force: true })
})

async function ip(...argv: string[]): Promise<void> {
  await execa('ip', ['-n', namespace, ...argv])
}

function watch(options: Partial<LinkWatchOptions> = {}) {
  const snapshots: LinkSnapshot[] = []
  const errors: LinkWatchError[] = []
  const links = watchLinks({
    program,
    // Long, so that only an event can be the source of a change that a test sees.
    rereadIntervalMs: 3_600_000,
    onChange: (snapshot) => snapshots.push(snapshot),
    onError: (error) => errors.push(error),
    ...options,
  })
  onTestFinished(() => links.close())
  return { links, snapshots, errors }
}

async function untilReady({ links, errors }: { links: LinkWatch; errors: LinkWatchError[] }): Promise<void> {
  await until('the links are read', async () => (links.snapshot ? null : `errors: ${errors.map(String)}`))
}

function untilLinks(
  links: LinkWatch,
  what: string,
  look: (snapshot: LinkSnapshot) => boolean,
): Promise<void> {
  return until(
    what,
    async () => (links.snapshot && look(links.snapshot) ? null : JSON.stringify([...(links.snapshot ?? [])])),
    { everyMs: 1 },
  )
}

async function processesInNamespace(): Promise<string[]> {
  const { stdout } = await execa('ip', ['netns', 'pids', namespace])
  return stdout.split('\n').filter((pid) => pid !== '')
}

async function openDescriptors(): Promise<number> {
  return (await readdir('/proc/self/fd')).length
}

test('the first snapshot has every link with its addresses', async () => {
  await ip('link', 'add', 'name', 'wg0', 'type', 'bridge')
  await ip('addr', 'add', '10.80.0.1/16', 'dev', 'wg0')
  await ip('-6', 'addr', 'add', '2001:db8:51::1/128', 'dev', 'lo')
  await ip('addr', 'add', '192.0.2.1', 'peer', '192.0.2.9/32', 'dev', 'lo', 'label', 'lo:any')
  const watched = watch()
  await untilReady(watched)
  expect(watched.links.snapshot!.get('wg0')).toMatchObject({ up: false, addresses: ['10.80.0.1'] })
  expect(watched.links.snapshot!.get('lo')!.addresses).toEqual(['192.0.2.1', '2001:db8:51::1'])
  expect(watched.errors).toEqual([])
})

test('each change of an interface is reported with its addresses: created, up, down, renamed, deleted', async () => {
  const watched = watch()
  const { links } = watched
  await untilReady(watched)
  expect(links.snapshot!.has('wg0')).toBe(false)
  await ip('link', 'add', 'name', 'wg0', 'type', 'bridge')
  await untilLinks(links, 'wg0 is there', (now) => now.get('wg0')?.up === false)
  await ip('link', 'set', 'wg0', 'up')
  await untilLinks(links, 'wg0 is up', (now) => now.get('wg0')?.up === true)
  await ip('addr', 'add', '192.0.2.1/32', 'dev', 'wg0')
  await untilLinks(links, 'the address is there', (now) => now.get('wg0')!.addresses.includes('192.0.2.1'))
  await ip('addr', 'del', '192.0.2.1/32', 'dev', 'wg0')
  await untilLinks(links, 'the address is gone', (now) => !now.get('wg0')!.addresses.includes('192.0.2.1'))
  await ip('link', 'set', 'wg0', 'down')
  await untilLinks(links, 'wg0 is down', (now) => now.get('wg0')?.up === false)
  await ip('link', 'set', 'wg0', 'name', 'wg1')
  await untilLinks(links, 'wg0 is wg1', (now) => now.has('wg1') && !now.has('wg0'))
  await ip('link', 'del', 'wg1')
  await untilLinks(links, 'wg1 is gone', (now) => !now.has('wg1'))
  expect(watched.errors).toEqual([])
})

test('a link that leaves a bridge is not reported as deleted, and a veth is not confused with its peer', async () => {
  const watched = watch()
  const { links } = watched
  await untilReady(watched)
  await ip('link', 'add', 'name', 'left', 'type', 'veth', 'peer', 'name', 'right')
  await ip('link', 'add', 'name', 'br0', 'type', 'bridge')
  await ip('link', 'set', 'left', 'master', 'br0')
  await ip('link', 'set', 'left', 'up')
  await untilLinks(links, 'left is up', (now) => now.get('left')?.up === true && now.has('right'))
  // For a port that leaves its bridge the kernel sends the same message as for a deleted link.
  await ip('link', 'set', 'left', 'nomaster')
  await ip('link', 'set', 'right', 'up')
  await untilLinks(
    links,
    'all links are present',
    (now) => now.get('left')?.up === true && now.get('right')?.up === true,
  )
})

test('a deletion is reported within milliseconds', async () => {
  let reportedAt = 0
  const watched = watch({
    onChange: (snapshot) => (reportedAt = snapshot.has('wg0') ? 0 : performance.now()),
  })
  await untilReady(watched)
  const delays: number[] = []
  for (let round = 0; round < 15; round += 1) {
    await ip('link', 'add', 'name', 'wg0', 'type', 'bridge')
    await untilLinks(watched.links, 'wg0 is there', (now) => now.has('wg0'))
    await ip('link', 'del', 'wg0')
    const ended = performance.now()
    await until('the deletion is reported', async () => (reportedAt > 0 ? null : 'it is not'), { everyMs: 1 })
    delays.push(reportedAt - ended)
  }
  const median = delays.sort((a, b) => a - b)[7]!
  console.log(`from the end of \`ip link del\` to the callback: median ${median.toFixed(2)} ms`)
  expect(median).toBeLessThan(patience(50))
})

test('changes during the first read of the links are not lost', async () => {
  for (let round = 0; round < 12; round += 1) {
    const watched = watch()
    const present = round % 2 === 0
    const changes = (async () => {
      for (let step = 0; step < 4; step += 1) {
        await ip('link', 'add', 'name', 'wg0', 'type', 'bridge')
        await ip('addr', 'add', '192.0.2.1/32', 'dev', 'wg0')
        if (step < 3 || !present) await ip('link', 'del', 'wg0')
      }
    })()
    await changes
    await untilReady(watched)
    await untilLinks(
      watched.links,
      present ? 'wg0 is there with its address' : 'wg0 is gone',
      (now) => (now.get('wg0')?.addresses.includes('192.0.2.1') ?? false) === present,
    )
    await watched.links.close()
    if (present) await ip('link', 'del', 'wg0')
  }
})

test('a change before a slow monitor listens is found', async () => {
  const slow = join(dir, 'slow-ip')
  await writeFile(slow, `#!/bin/sh\n[ "$1" = -j ] || sleep 0.5\nexec ${program} "$@"\n`)
  await chmod(slow, 0o755)
  const watched = watch({ program: slow })
  // Long enough for a read that does not wait for the monitor, and well before the monitor listens.
  const read = untilReady(watched)
  await Promise.race([read, new Promise((resolve) => setTimeout(resolve, 200))])
  await ip('link', 'add', 'name', 'wg0', 'type', 'bridge')
  await untilLinks(watched.links, 'wg0 is there', (now) => now.has('wg0'))
})

test('a monitor that dies is started again, and changes meanwhile are found', async () => {
  await ip('link', 'add', 'name', 'wg0', 'type', 'bridge')
  const watched = watch()
  await untilReady(watched)
  for (const pid of await processesInNamespace()) process.kill(Number(pid), 'SIGKILL')
  await ip('link', 'del', 'wg0')
  await untilLinks(watched.links, 'wg0 is gone', (now) => !now.has('wg0'))
  await until('the death is reported', async () =>
    watched.errors.some(({ code }) => code === 'monitor-died')
      ? null
      : `errors: ${watched.errors.map(String)}`,
  )
  await ip('link', 'add', 'name', 'wg0', 'type', 'bridge')
  await untilLinks(watched.links, 'wg0 is there', (now) => now.has('wg0'))
})

test('while the monitor is stopped, a change is found within the interval of the full read', async () => {
  const watched = watch({ rereadIntervalMs: 50 })
  await untilReady(watched)
  const [pid] = await processesInNamespace()
  process.kill(Number(pid), 'SIGSTOP')
  await ip('link', 'add', 'name', 'wg0', 'type', 'bridge')
  await untilLinks(watched.links, 'wg0 is there', (now) => now.has('wg0'))
  process.kill(Number(pid), 'SIGCONT')
})

test('a missing `ip` program is an error that names it and its package', async () => {
  const watched = watch({ program: '/nonexistent/ip' })
  await until('the error comes', async () => (watched.errors.length > 0 ? null : 'no error'))
  expect(watched.errors[0]!.code).toBe('missing-program')
  expect(watched.errors[0]!.message).toMatch(/\/nonexistent\/ip.*iproute2/)
  await watched.links.close()
})

test('invalid output of `ip` is an error, and no snapshot is reported', async () => {
  await writeFile(program, '#!/bin/sh\necho nonsense\n[ "$1" = -j ] || exec sleep 60\n')
  const watched = watch()
  await until('the error comes', async () => (watched.errors.length > 0 ? null : 'no error'))
  expect(watched.errors[0]!.code).toBe('read-failed')
  expect(watched.links.snapshot).toBeNull()
})

test('after close no process and no descriptor is left, and nothing is reported', async () => {
  const before = await openDescriptors()
  for (let round = 0; round < 5; round += 1) {
    const watched = watch()
    if (round > 1) await untilReady(watched)
    await watched.links.close()
    const reported = watched.snapshots.length
    expect(await processesInNamespace()).toEqual([])
    await ip('link', 'add', 'name', 'wg0', 'type', 'bridge')
    await ip('link', 'del', 'wg0')
    expect(watched.snapshots).toHaveLength(reported)
    expect(watched.errors).toEqual([])
  }
  await until('the descriptors are back', async () => {
    const now = await openDescriptors()
    return now <= before ? null : `${now} instead of ${before}`
  })
})

test('an aborted signal closes the watch', async () => {
  const controller = new AbortController()
  const watched = watch({ signal: controller.signal })
  await untilReady(watched)
  const [pid] = await processesInNamespace()
  controller.abort()
  await watched.links.ended
  await expect(readFile(`/proc/${pid}/stat`)).rejects.toThrow('ENOENT')
})

test('500 veth pairs created and deleted at once delay neither an event of our link nor this process', async () => {
  await ip('link', 'add', 'wg0', 'type', 'veth', 'peer', 'name', 'far0')
  await ip('link', 'set', 'wg0', 'up')
  await ip('address', 'add', '192.0.2.1/32', 'dev', 'wg0')
  const watched = watch({ concerns: { interfaces: new Set(['wg0']), addresses: new Set(['192.0.2.1']) } })
  await untilReady(watched)
  const storm = async (verb: 'add' | 'del') => {
    const lines = Array.from({ length: 500 }, (_, at) =>
      verb === 'add' ? `link add s${at} type veth peer name t${at}` : `link del s${at}`,
    )
    await execa('ip', ['-n', namespace, '-batch', '-'], { input: `${lines.join('\n')}\n` })
  }
  // CPU time and not wall time: the processes that make the events compete for the CPU.
  const before = process.cpuUsage()
  await storm('add')
  const deleting = storm('del')
  await ip('link', 'del', 'wg0')
  const gone = performance.now()
  await untilLinks(watched.links, 'wg0 is gone', (snapshot) => !snapshot.has('wg0'))
  expect(performance.now() - gone).toBeLessThan(10_000)
  await deleting
  const { user, system } = process.cpuUsage(before)
  expect((user + system) / 1e6).toBeLessThan(5)
  // One call for each state of our link, and none for the thousands of others.
  expect(watched.snapshots.length).toBeLessThan(10)
  // The other links are not in the snapshot.
  for (const snapshot of watched.snapshots)
    expect([...snapshot.keys()]).toEqual(snapshot.has('wg0') ? ['wg0'] : [])
  // `ip` may exceed its time limit on a busy machine, and is run again.
  for (const { code } of watched.errors) expect(code).toBe('read-failed')
})
