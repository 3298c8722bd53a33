import { randomBytes } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { afterEach, expect, test } from 'vitest'
import { kernelHasWireguard } from '../../../src/lab/machine/namespaces.ts'
import { patience } from '../../patience.ts'
import { until } from '../fixtures/lab/lab.ts'
import { Machine } from '../fixtures/newcomer/machine.ts'

const program = fileURLToPath(new URL('../../../dist/cli/main.js', import.meta.url))
const inKernel = await kernelHasWireguard()

/** The node's own configuration, before Anyward: one upstream, a static route, filters. */
const nodeConf = `log syslog all;
router id 10.0.0.11;
define OURS = 64500;
protocol device { }
protocol static ours { ipv4; route 192.0.2.0/24 blackhole; }
filter to_upstream { if net = 192.0.2.0/24 then accept; reject; }
protocol bgp Upstream_1 {
  description "Upstream, port 7";
  local 10.1.1.2 as OURS;
  neighbor 10.1.1.1 as 64601;
  ipv4 { import all; export filter to_upstream; };
}
`
const peerConf = `router id 10.0.0.99;
protocol device { }
protocol static { ipv4; route 0.0.0.0/0 blackhole; }
protocol bgp node { local 10.1.1.1 as 64601; neighbor 10.1.1.2 as 64500; connect delay time 1; ipv4 { import all; export all; }; }
`

let machine: Machine
afterEach(async ({ task }) => {
  if (task.result?.state === 'fail') {
    const log = await machine.type('tail -n 20 /run/controller.log; wg show; birdc show protocols; ip addr')
    process.stdout.write(`${log.all}\n`)
  }
  await machine.end()
}, patience(30_000))

/** A command of the preparation: it has to succeed. */
async function prepare(line: string): Promise<void> {
  const { exitCode, all } = await machine.type(line)
  expect(exitCode, `${line}\n${all}`).toBe(0)
}

async function startNode(): Promise<void> {
  machine = await Machine.start()
  await prepare('ip netns add peer && ip link add up0 type veth peer name node0 netns peer')
  await prepare('ip addr add 10.1.1.2/30 dev up0 && ip link set up0 up')
  await prepare('ip -n peer addr add 10.1.1.1/30 dev node0 && ip -n peer link set node0 up')
  if (inKernel) await prepare('ip link add wg0 type wireguard')
  else await prepare('wireguard-go wg0')
  const key = randomBytes(32).toString('base64')
  await prepare(`echo ${key} > /etc/wg.key && wg set wg0 private-key /etc/wg.key listen-port 51820`)
  await prepare('ip addr add 10.80.0.1/16 dev wg0 && ip link set wg0 up && ip addr add 192.0.2.1/32 dev lo')
  await prepare(`cat > /etc/bird/bird.conf <<'END'\n${nodeConf}END`)
  await prepare(`cat > /etc/bird/peer.conf <<'END'\n${peerConf}END`)
  await prepare('bird -c /etc/bird/bird.conf -s /run/bird/bird.ctl')
  await prepare('ip netns exec peer bird -c /etc/bird/peer.conf -s /run/bird/peer.ctl')
}

test(
  'from a node with a BIRD of its own to a prefix that follows the endpoint: init, the lines that it prints, plan, apply, controller',
  async () => {
    await startNode()
    const typed: string[] = []
    const began = performance.now()
    const type = async (line: string, exitCode = 0): Promise<string> => {
      typed.push(line)
      const result = await machine.type(line.replace(/^anyward /, `node ${program} `))
      expect(result.exitCode, `${line}\n${result.all}`).toBe(exitCode)
      return result.all
    }
    const routes = async () =>
      (await machine.type('birdc -s /run/bird/peer.ctl show route protocol node')).stdout

    const made = await type(
      'anyward init --from /etc/bird/bird.conf --site fra1 --anycast 192.0.2.1 --allow-bogons',
    )
    expect(made).toContain('/etc/bird/bird.conf:6 filter to_upstream { … }')
    // The lines that are meant to be typed are those with two blanks before them.
    const lines = made.split('\n').flatMap((line) => /^ {2}((?:mkdir|wg) .*)$/.exec(line)?.[1] ?? [])
    expect(lines).toHaveLength(2)
    for (const line of lines) await type(line)
    const planned = await type('anyward plan --out out')
    expect(planned).toContain('fra1 may now announce 192.0.2.0/24 to upstream-1')
    const refused = await type('anyward apply --bundle out/fra1/fra1-a', 1)
    expect(refused).toContain('BGP session Upstream_1')
    await type('anyward apply --bundle out/fra1/fra1-a --replace')
    expect(await routes()).not.toContain('192.0.2.0/24')
    await type('anyward controller --bundle /etc/anyward/bundle > /run/controller.log 2>&1 &')
    await until('the prefix at the neighbor', routes, (text) => text.includes('192.0.2.0/24'), 60_000)
    const seconds = (performance.now() - began) / 1000
    process.stdout.write(
      `newcomer: ${typed.length} commands, ${seconds.toFixed(1)} s from init to the neighbor's table\n`,
    )
    expect(typed).toHaveLength(7)

    await prepare('wg set wg0 listen-port 51821')
    await until('no prefix at the neighbor', routes, (text) => !text.includes('192.0.2.0/24'), 30_000)
  },
  patience(240_000),
)
