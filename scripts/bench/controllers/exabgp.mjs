import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { scratch, watchNode } from './lab.mjs'
import { logListener } from './log.mjs'
import { checkOf, interval } from './settings.mjs'

const load = (path) => import(new URL(`../../../dist/${path}`, import.meta.url))
const { startDetached, signalProcess, waitForEnd } = await load('lab/machine/processes.js')

/** The interval after a failed check. With a shorter one, three failures in a row mean no more than one. */
const fastSeconds = 0.1
/** The shortest hold time of BGP (RFC 4271, section 4.2), because ExaBGP has no BFD. */
const holdSeconds = 3

/** ExaBGP in place of the node's BIRD: same addresses, same neighbor, same routes. */
export async function startExabgp(lab, node, name) {
  const { watch, held } = await watchNode(lab, node)
  const [bird] = node.daemons
  await signalProcess(bird, 'SIGTERM')
  if (!(await waitForEnd(bird, 10_000))) throw new Error("the node's BIRD does not end")
  const config = join(scratch, `exabgp-${node.name}.conf`)
  const states = join(scratch, `exabgp-${node.name}-states.log`)
  await writeFile(config, render(lab, node, held, states))
  await writeFile(states, '')
  const record = await startDetached({
    name,
    namespace: node.namespace,
    argv: ['exabgp', config],
    log: join(scratch, `exabgp-${node.name}.log`),
    // As root, which `wg` requires; without command pipes, which are not used.
    env: { exabgp_daemon_user: 'root', exabgp_api_cli: 'false', exabgp_tcp_attempts: '0' },
  })
  return {
    node,
    intervalMs: interval.seconds * 1000,
    rows: [{ name, watch }],
    own: [record.pid],
    routing: [],
    prepare: async () => {},
    listen: () => logListener(states, /(\w+)/, ''),
    async stop() {
      await signalProcess(record, 'SIGTERM')
      if (!(await waitForEnd(record, 5000))) await signalProcess(record, 'SIGKILL')
    },
  }
}

function render(lab, node, held, states) {
  const { address } = lab.state.routers[0].sessions.find((session) => session.node === node.name)
  const { seconds, rise, fall } = interval
  const healthcheck = [
    '/usr/bin/python3 -m exabgp healthcheck --no-syslog --no-ip-setup --withdraw-on-down',
    `--interval ${seconds} --fast-interval ${fastSeconds} --timeout 1 --rise ${rise} --fall ${fall}`,
    ...held.prefixes.map((prefix) => `--ip ${prefix}`),
    `--execute "echo $STATE >>${states}"`,
    `--command "${checkOf(node).join(' ')}"`,
  ]
  return `process watch {
  run ${healthcheck.join(' ')};
  encoder text;
}
neighbor 10.1.1.1 {
  router-id ${address};
  local-address ${address};
  local-as 64500;
  peer-as 64611;
  hold-time ${holdSeconds};
  outgoing-ttl 255;
  incoming-ttl 255;
  family {
    ipv4 unicast;
  }
  api {
    processes [ watch ];
  }
}
`
}
