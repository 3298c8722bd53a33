import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { takeAnyward } from './anyward.mjs'
import { startExabgp } from './exabgp.mjs'
import { addressOf, startKeepalived } from './keepalived.mjs'
import { startLoop, startPlain } from './loop.mjs'

const anywardOnBird = 'anyward on BIRD'
const anywardOnFrr = 'anyward on FRR'
const loop = 'loop with birdc'
const exabgp = 'ExaBGP healthcheck'
const vrrp = [
  { name: 'VRRP, each 1 s', id: 51, advertSeconds: 1 },
  { name: 'VRRP, each 100 ms', id: 52, advertSeconds: 0.1 },
]

/**
 * In this order: the first two run when the lab is up, the loop continues with the routes that ours has announced, and
 * ExaBGP ends the node's BIRD. `idle`: the contender to start for the idle figures, if not the one that had the faults.
 */
export const contenders = [
  {
    name: anywardOnBird,
    isOurs: true,
    start: (lab) => takeAnyward(lab, lab.nodes[0], anywardOnBird),
  },
  {
    name: anywardOnFrr,
    isOurs: true,
    start: (lab) => takeAnyward(lab, lab.nodes[1], anywardOnFrr),
  },
  { name: loop, start: (lab) => startLoop(lab, lab.nodes[0], loop) },
  {
    name: 'keepalived',
    program: 'keepalived',
    start: (lab) => startKeepalived(lab, lab.nodes, vrrp),
    // Both run at the same time and have the same faults; the usage of each is measured separately.
    idle: vrrp.map((one) => (lab) => startKeepalived(lab, lab.nodes, [one])),
  },
  {
    name: exabgp,
    program: 'exabgp',
    start: (lab) => startExabgp(lab, lab.nodes[0], exabgp),
  },
]

/**
 * Contenders on both nodes of a lab: the first serves the client, and after a fault the other one. In each lab in this order, because
 * plain anycast and the loop continue with the routes that ours has announced, and ExaBGP ends BIRD. `host`: where the client sends to, if
 * not to the anycast address.
 */
export const pairs = [
  {
    fleet: { daemons: ['bird', 'bird'], isRescued: true },
    contenders: [onBoth(anywardOnBird, takeAnyward, { isOurs: true })],
  },
  {
    fleet: { daemons: ['frr', 'bird'], isRescued: true },
    contenders: [onBoth(anywardOnFrr, takeAnyward, { isOurs: true })],
  },
  {
    fleet: { daemons: ['bird', 'bird'] },
    contenders: [
      onBoth(`${anywardOnBird}, no rescue`, takeAnyward),
      onBoth('BIRD without a check', startPlain),
      onBoth(loop, startLoop),
      ...vrrp.map((one) => ({
        name: one.name,
        program: 'keepalived',
        host: addressOf(one.id),
        start: (lab) => startKeepalived(lab, lab.nodes, [one]),
      })),
      onBoth(exabgp, startExabgp, { program: 'exabgp' }),
    ],
  },
]

function onBoth(name, start, more = {}) {
  return { name, ...more, start: (lab) => startBoth(lab, start, name) }
}

async function startBoth(lab, start, name) {
  const [first, second] = [await start(lab, lab.nodes[0], name), await start(lab, lab.nodes[1], name)]
  const inTurn = (word) => async () => {
    await first[word]()
    await second[word]()
  }
  return {
    ...first,
    rows: [...first.rows, ...second.rows],
    prepare: inTurn('prepare'),
    stop: inTurn('stop'),
  }
}

/** The Debian package of a contender that is not installed, or `null`. */
export function missingPackageOf({ program }) {
  return program === undefined || isInstalled(program) ? null : program
}

export function isInstalled(program) {
  return [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin'].some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}
