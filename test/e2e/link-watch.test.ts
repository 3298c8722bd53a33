import { chmod, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterEach, beforeEach, expect, onTestFinished, test } from 'vitest'
import type { LinkSnapshot } from '../../src/linux/link-snapshot.ts'
import {
  type LinkWatch,
  type LinkWatchError,
  type LinkWatchOptions,
  watchLinks,
} from '../../src/linux/link-watch.ts'
import { patience } from '../patience.ts'
import { until } from './fixture-routing/until.ts'

const namespace = `r1l${process.pid}`
/** `ip` inside the namespace, for a whole process cannot be moved into one. */
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
    // So that a test tells by itself that events, and not reading again, found something.
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

test('an interface is told as it comes, goes up, down, is renamed and goes, with its addresses', async () => {
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

test('the far end of a veth and the ports of a bridge are not mistaken', async () => {
  const watched = watch()
  const { links } = watched
  await untilReady(watched)
  await ip('link', 'add', 'name', 'left', 'type', 'veth', 'peer', 'name', 'right')
  await ip('link', 'add', 'name', 'br0', 'type', 'bridge')
  await ip('link', 'set', 'left', 'master', 'br0')
  await ip('link', 'set', 'left', 'up')
  await untilLinks(links, 'left is up', (now) => now.get('left')?.up === true && now.has('right'))
  // The kernel says of a port that leaves its bridge what it says of a link that is deleted.
  await ip('link', 'set', 'left', 'nomaster')
  await ip('link', 'set', 'right', 'up')
  await untilLinks(
    links,
    'all are there',
    (now) => now.get('left')?.up === true && now.get('right')?.up === true,
  )
})

test('a deletion is told within milliseconds', async () => {
  let told = 0
  const watched = watch({ onChange: (snapshot) => (told = snapshot.has('wg0') ? 0 : performance.now()) })
  await untilReady(watched)
  const delays: number[] = []
  for (let round = 0; round < 15; round += 1) {
    await ip('link', 'add', 'name', 'wg0', 'type', 'bridge')
    await untilLinks(watched.links, 'wg0 is there', (now) => now.has('wg0'))
    await ip('link', 'del', 'wg0')
    const ended = performance.now()
    await until('the deletion is told', async () => (told > 0 ? null : 'it is not'), { everyMs: 1 })
    delays.push(told - ended)
  }
  const median = delays.sort((a, b) => a - b)[7]!
  console.log(`from the end of \`ip link del\` to the callback: median ${median.toFixed(2)} ms`)
  expect(median).toBeLessThan(patience(50))
})

test('whatever happens while the links are first read, the end is right', async () => {
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

test('what happens before a slow monitor listens is found', async () => {
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

test('a monitor that dies is started again, and what happened meanwhile is found', async () => {
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

test('a monitor that is stopped hides nothing for longer than the interval of the full read', async () => {
  const watched = watch({ rereadIntervalMs: 50 })
  await untilReady(watched)
  const [pid] = await processesInNamespace()
  process.kill(Number(pid), 'SIGSTOP')
  await ip('link', 'add', 'name', 'wg0', 'type', 'bridge')
  await untilLinks(watched.links, 'wg0 is there', (now) => now.has('wg0'))
  process.kill(Number(pid), 'SIGCONT')
})

test('an `ip` that is missing is named, with the package that has it', async () => {
  const watched = watch({ program: '/nonexistent/ip' })
  await until('the error comes', async () => (watched.errors.length > 0 ? null : 'no error'))
  expect(watched.errors[0]!.code).toBe('missing-program')
  expect(watched.errors[0]!.message).toMatch(/\/nonexistent\/ip.*iproute2/)
  await watched.links.close()
})

test('an `ip` that speaks nonsense is an error, and nothing is made of it', async () => {
  await writeFile(program, '#!/bin/sh\necho nonsense\n[ "$1" = -j ] || exec sleep 60\n')
  const watched = watch()
  await until('the error comes', async () => (watched.errors.length > 0 ? null : 'no error'))
  expect(watched.errors[0]!.code).toBe('read-failed')
  expect(watched.links.snapshot).toBeNull()
})

test('after close no process and no descriptor is left, and nothing is told any more', async () => {
  const before = await openDescriptors()
  for (let round = 0; round < 5; round += 1) {
    const watched = watch()
    if (round > 1) await untilReady(watched)
    await watched.links.close()
    const told = watched.snapshots.length
    expect(await processesInNamespace()).toEqual([])
    await ip('link', 'add', 'name', 'wg0', 'type', 'bridge')
    await ip('link', 'del', 'wg0')
    expect(watched.snapshots).toHaveLength(told)
    expect(watched.errors).toEqual([])
  }
  await until('the descriptors are back', async () => {
    const now = await openDescriptors()
    return now <= before ? null : `${now} instead of ${before}`
  })
})

test('its signal ends it', async () => {
  const controller = new AbortController()
  const watched = watch({ signal: controller.signal })
  await untilReady(watched)
  const [pid] = await processesInNamespace()
  controller.abort()
  await watched.links.ended
  await expect(readFile(`/proc/${pid}/stat`)).rejects.toThrow('ENOENT')
})

test('500 veth pairs that come and go at once hold up neither an event about our link nor this process', async () => {
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
  // How much of its time this process spends on the events: they come from other processes, which compete for the CPU.
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
  // Once each for its states, and not for each of the others' thousands.
  expect(watched.snapshots.length).toBeLessThan(10)
  // Nothing of the others is known, so that nothing of them is handed on.
  for (const snapshot of watched.snapshots)
    expect([...snapshot.keys()]).toEqual(snapshot.has('wg0') ? ['wg0'] : [])
  // `ip` may not come to its turn in time, and is run again.
  for (const { code } of watched.errors) expect(code).toBe('read-failed')
})
