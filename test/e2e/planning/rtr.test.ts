import { chmod, chown, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterEach, describe, expect, test } from 'vitest'
import { BirdClient } from '../../../src/node/routing/bird/client.ts'
import { createRtrServer, type RtrServer } from '../../../src/plan/rtr/server.ts'
import { patience } from '../../patience.ts'
import { createVrpSet, vrp } from '../../unit/plan/rpki/vrps.ts'
import { until, untilEqual } from '../fixtures/routing/until.ts'

const before = createVrpSet(
  ['192.0.2.0/24 64500', '198.51.100.0/22-24 64501', '2001:db8::/32-48 64500', '203.0.113.0/24 0'].map(vrp),
)
const after = createVrpSet(
  ['192.0.2.0/24-26 64500', '198.51.100.0/22-24 64501', '2001:db8:1::/48 4200000000'].map(vrp),
)
const many = createVrpSet([
  ...Array.from({ length: 100_000 }, (_, row) => vrp(`10.${(row >> 8) & 255}.${row & 255}.0/24 ${row + 1}`)),
  ...Array.from({ length: 50_000 }, (_, row) => vrp(`2001:db8:${row.toString(16)}::/48-64 ${row + 1}`)),
])

const undo: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step()
})

async function serve(): Promise<{ server: RtrServer; port: number; versions: Set<number> }> {
  const versions = new Set<number>()
  const server = createRtrServer({
    vrps: before,
    refreshS: 3600,
    retryS: 600,
    expireS: 7200,
    notifyIntervalMs: 0,
    onEvent: (_router, event) => {
      if (event.type === 'served') versions.add(event.version)
    },
  })
  undo.push(() => server.close())
  return { server, port: (await server.listen('127.0.0.1', 0)).port, versions }
}

async function makeFolder(): Promise<string> {
  const dir = await mkdtemp('/tmp/rtr-')
  undo.push(() => rm(dir, { recursive: true, force: true }))
  await chmod(dir, 0o755)
  return dir
}

/** By its own pid, at the end of the test. */
function run(argv: readonly [string, ...string[]]): void {
  const child = execa(argv[0], argv.slice(1), { reject: false, stdin: 'ignore', all: true })
  undo.push(async () => {
    child.kill('SIGKILL')
    await child
  })
}

describe('BIRD', () => {
  async function startBird(port: number): Promise<BirdClient> {
    const dir = await makeFolder()
    await writeFile(
      join(dir, 'bird.conf'),
      `router id 10.0.0.1;
roa4 table r4;
roa6 table r6;
protocol rpki cache {
  roa4 { table r4; };
  roa6 { table r6; };
  remote 127.0.0.1 port ${port};
}
`,
    )
    const socketPath = join(dir, 'ctl')
    run(['bird', '-f', '-c', join(dir, 'bird.conf'), '-s', socketPath])
    const client = new BirdClient({ socketPath, deadlineMs: patience(10_000) })
    undo.push(async () => client.close())
    return client
  }

  const read = async (client: BirdClient, table: string) => {
    const reply = await client.send(`show route table ${table}`).catch(() => ({ lines: [] }))
    return reply.lines.flatMap(({ text }) => /^\S+\/\d+-\d+ AS\d+/.exec(text)?.[0] ?? []).sort()
  }

  test('has all VRPs of both families, and gets each update at once', async () => {
    const { server, port, versions } = await serve()
    const bird = await startBird(port)
    await untilEqual(
      'BIRD’s IPv4 table',
      ['192.0.2.0/24-24 AS64500', '198.51.100.0/22-24 AS64501', '203.0.113.0/24-24 AS0'],
      () => read(bird, 'r4'),
    )
    await untilEqual('BIRD’s IPv6 table', ['2001:db8::/32-48 AS64500'], () => read(bird, 'r6'))
    expect([...versions]).toEqual([1])

    server.update(after)
    await untilEqual('BIRD’s IPv4 table', ['192.0.2.0/24-26 AS64500', '198.51.100.0/22-24 AS64501'], () =>
      read(bird, 'r4'),
    )
    await untilEqual('BIRD’s IPv6 table', ['2001:db8:1::/48-48 AS4200000000'], () => read(bird, 'r6'))
  })

  test('reads 150,000 VRPs', async () => {
    const { server, port } = await serve()
    const bird = await startBird(port)
    await until('BIRD is served', async () => ((await read(bird, 'r6')).length > 0 ? null : 'no VRPs'))
    server.update(many)
    const counted = async (table: string) => {
      const { lines } = await bird.send(`show route table ${table} count`)
      return /^(\d+) of /.exec(lines.find(({ text }) => / of /.test(text))?.text ?? '')?.[1]
    }
    await untilEqual('the number of IPv4 VRPs', '100000', () => counted('r4'), 40_000)
    await untilEqual('the number of IPv6 VRPs', '50000', () => counted('r6'), 40_000)
  })
})

describe('FRR', () => {
  test('has all VRPs of both families, and gets each update at once', async () => {
    const { server, port } = await serve()
    const dir = await makeFolder()
    const config = join(dir, 'bgpd.conf')
    await writeFile(
      config,
      `rpki
 rpki polling_period 3600
 rpki cache 127.0.0.1 ${port} preference 1
 exit
`,
    )
    const { stdout: user } = await execa('id', ['-u', 'frr'])
    const { stdout: group } = await execa('id', ['-g', 'frr'])
    await chown(dir, Number(user), Number(group))
    run([
      '/usr/lib/frr/bgpd',
      ...['-M', 'rpki', '-Z', '-p', '0', '-P', '0', '-A', '127.0.0.1', '-f', config],
      ...['--vty_socket', dir, '-i', join(dir, 'pid'), '-z', join(dir, 'zserv.api')],
    ])
    const read = async () => {
      const { stdout } = await execa('vtysh', ['--vty_socket', dir, '-c', 'show rpki prefix-table'], {
        reject: false,
        timeout: patience(10_000),
      })
      return stdout
        .split('\n')
        .flatMap((line) => {
          const match = /^(\S+)\s+(\d+)\s+-\s+(\d+)\s+(\d+)\s*$/.exec(line)
          return match === null ? [] : [`${match[1]}/${match[2]}-${match[3]} AS${match[4]}`]
        })
        .sort()
    }
    await untilEqual(
      'bgpd’s table',
      [
        '192.0.2.0/24-24 AS64500',
        '198.51.100.0/22-24 AS64501',
        '2001:db8::/32-48 AS64500',
        '203.0.113.0/24-24 AS0',
      ],
      read,
      40_000,
    )
    server.update(after)
    await untilEqual(
      'bgpd’s table',
      ['192.0.2.0/24-26 AS64500', '198.51.100.0/22-24 AS64501', '2001:db8:1::/48-48 AS4200000000'],
      read,
      40_000,
    )
  })
})
