import { copyFile, rm, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { flagDir } from './node.mjs'

/**
 * The actions of the storm: `may` tests whether the action applies to the model's state, `act` performs it. The
 * model's new state is in `becomes`, for a service in `adds` and `removes`, unless `act` sets it. Repairs undo
 * faults; other actions leave the state unchanged.
 */
const alive = (model) => model.controller === 'running'
const answers = (model) => model.daemon === 'running'
const bird = (node) => node.state.daemon === 'bird'
const lives = ({ faults }) => !faults.has('gone')
/** `wg` waits without a limit for a stopped server. */
const listens = ({ faults }) => !faults.has('gone') && !faults.has('stopped')

const ofServices = [
  {
    name: 'interface removed',
    kind: 'fault',
    weight: 4,
    may: lives,
    act: (node, at, random) => node.removeInterface(at, random.below(2) === 0),
    adds: ['gone'],
    removes: ['down', 'stopped', 'key', 'peer'],
  },
  {
    name: 'interface created',
    kind: 'repair',
    weight: 10,
    may: (service) => !lives(service),
    act: (node, at) => node.recreateInterface(at),
    removes: ['gone'],
  },
  {
    name: 'interface down',
    kind: 'fault',
    weight: 6,
    may: (service) => lives(service) && !service.faults.has('down'),
    act: (node, at) => node.ip('link', 'set', node.wireguard(at).interface, 'down'),
    adds: ['down'],
  },
  {
    name: 'interface up',
    kind: 'repair',
    weight: 10,
    may: (service) => listens(service) && service.faults.has('down'),
    act: (node, at) => node.ip('link', 'set', node.wireguard(at).interface, 'up'),
    removes: ['down'],
  },
  ...['4', '6'].flatMap((version) => {
    const change = (verb) => async (node, at) => {
      const address = node.manifest.services
        .find(({ name }) => name === at)
        .anycast.find((one) => one.includes(':') === (version === '6'))
      const argv = version === '4' ? [`${address}/32`, 'dev', 'lo'] : [`${address}/128`, 'dev', 'lo']
      const flags = version === '6' && verb === 'replace' ? ['nodad'] : []
      await node.ip('addr', verb, ...argv, ...flags)
    }
    return [
      {
        name: `address ${version} removed`,
        kind: 'fault',
        weight: 4,
        may: ({ faults }) => !faults.has(`address${version}`),
        async act(node, at, _random, service) {
          try {
            await change('del')(node, at)
          } catch (error) {
            if (!/Cannot assign requested address|address not found/.test(error.message)) throw error
            // Removed already: the controller removes addresses of a dead service, and adds them again.
            return
          }
          service.faults.add(`address${version}`)
        },
      },
      {
        name: `address ${version} added`,
        kind: 'repair',
        weight: 10,
        may: ({ faults }) => faults.has(`address${version}`),
        act: change('replace'),
        removes: [`address${version}`],
      },
    ]
  }),
  {
    name: 'WireGuard stopped',
    kind: 'fault',
    weight: 5,
    may: listens,
    act: (node, at) => node.signalWireguard(at, 'SIGSTOP'),
    adds: ['stopped'],
  },
  {
    name: 'WireGuard goes on',
    kind: 'repair',
    weight: 10,
    may: ({ faults }) => faults.has('stopped'),
    act: (node, at) => node.signalWireguard(at, 'SIGCONT'),
    removes: ['stopped'],
  },
  {
    name: 'wrong key',
    kind: 'fault',
    weight: 4,
    may: (service) => listens(service) && !service.faults.has('key'),
    async act(node, at) {
      const file = join(flagDir, 'wrong.key')
      await writeFile(file, `${Buffer.alloc(32, 0x48).toString('base64')}\n`, { mode: 0o600 })
      await node.inside('wg', 'set', node.wireguard(at).interface, 'private-key', file)
    },
    adds: ['key'],
  },
  {
    name: 'probe peer removed',
    kind: 'fault',
    weight: 4,
    may: (service) => listens(service) && !service.faults.has('peer'),
    async act(node, at) {
      const { interface: name, probePublicKey } = node.wireguard(at)
      await node.inside('wg', 'set', name, 'peer', probePublicKey, 'remove')
    },
    adds: ['peer'],
  },
  {
    name: 'WireGuard reconfigured',
    kind: 'repair',
    weight: 10,
    may: (service) => listens(service) && (service.faults.has('key') || service.faults.has('peer')),
    async act(node, at) {
      const { interface: name, config } = node.wireguard(at)
      await node.inside('wg', 'setconf', name, config)
    },
    removes: ['key', 'peer'],
  },
  {
    name: 'packets dropped',
    kind: 'fault',
    weight: 5,
    may: ({ faults }) => !faults.has('dropped'),
    async act(node, at) {
      const { port } = node.wireguard(at)
      await node.nft(
        `table inet storm${port} {\n chain input {\n  type filter hook input priority 0;\n  udp dport ${port} drop;\n }\n}\n`,
      )
    },
    adds: ['dropped'],
  },
  {
    name: 'packets let through',
    kind: 'repair',
    weight: 10,
    may: ({ faults }) => faults.has('dropped'),
    act: (node, at) => node.nft(`delete table inet storm${node.wireguard(at).port}\n`),
    removes: ['dropped'],
  },
  {
    name: 'command fails',
    kind: 'fault',
    weight: 4,
    may: ({ faults }) => !faults.has('command'),
    act: (node, at) => writeFile(join(flagDir, `${node.name}.${at}`), ''),
    adds: ['command'],
  },
  {
    name: 'command is good',
    kind: 'repair',
    weight: 10,
    may: ({ faults }) => faults.has('command'),
    act: (node, at) => rm(join(flagDir, `${node.name}.${at}`), { force: true }),
    removes: ['command'],
  },
]

const ofNode = [
  {
    name: 'daemon stopped',
    kind: 'fault',
    weight: 5,
    may: answers,
    act: (node) => process.kill(node.daemon.pid, 'SIGSTOP'),
    becomes: { daemon: 'stopped' },
  },
  {
    name: 'daemon goes on',
    kind: 'repair',
    weight: 30,
    may: (model) => model.daemon === 'stopped',
    act: (node) => process.kill(node.daemon.pid, 'SIGCONT'),
    becomes: { daemon: 'running' },
  },
  {
    name: 'daemon killed',
    kind: 'fault',
    weight: 4,
    may: (model) => model.daemon !== 'absent',
    async act(node, model) {
      await node.killDaemon()
      model.daemon = 'absent'
      model.disabled.clear()
    },
  },
  {
    name: 'daemon started',
    kind: 'repair',
    weight: 30,
    may: (model) => model.daemon === 'absent' && !model.configBroken,
    async act(node) {
      // As in its systemd unit: a BIRD that starts without a controller announces nothing.
      if (bird(node)) await truncate(node.manifest.paths.announceFile).catch(() => {})
      await node.startDaemon()
    },
    becomes: { daemon: 'running' },
  },
  {
    name: 'originator disabled',
    kind: 'passing',
    weight: 3,
    may: (model, node) => bird(node) && answers(model) && alive(model),
    async act(node, model, random) {
      await node.birdc(`disable ${random.pick(['anyward4', 'anyward6'])}`)
      model.driftAt = performance.now()
    },
  },
  {
    name: 'foreign configure',
    kind: 'passing',
    weight: 3,
    may: (model, node) => bird(node) && answers(model) && alive(model),
    act: (node) => node.birdc('configure'),
  },
  {
    name: 'include overwritten',
    kind: 'passing',
    weight: 4,
    may: (model, node) => bird(node) && alive(model),
    async act(node, model, random) {
      const file = node.manifest.paths.announceFile
      const garbage = random.pick(['', 'not a BIRD configuration', null])
      if (garbage === null) await rm(file, { force: true })
      else await writeFile(file, garbage)
      model.driftAt = performance.now()
      if (model.daemon === 'running' && random.below(2) === 0) await node.birdc('configure')
    },
  },
  {
    name: 'everything announced manually',
    kind: 'passing',
    weight: 3,
    may: (model) => answers(model) && alive(model),
    async act(node, model) {
      model.driftAt = performance.now()
      const prefixes = [...new Set(node.manifest.services.flatMap((service) => service.prefixes))]
      if (bird(node)) {
        const of = (colon) => prefixes.filter((prefix) => prefix.includes(':') === colon)
        const routes = (list) => list.map((prefix) => `route ${prefix} blackhole;`).join(' ')
        await writeFile(
          node.manifest.paths.announceFile,
          `protocol static anyward4 { ipv4; ${routes(of(false))} }\nprotocol static anyward6 { ipv6; ${routes(of(true))} }\n`,
        )
        await node.birdc('configure')
        return
      }
      const { asn } = node.manifest
      for (const family of ['ipv4', 'ipv6']) {
        const lines = prefixes.filter((prefix) => prefix.includes(':') === (family === 'ipv6'))
        await node.vtysh(
          'configure terminal',
          `router bgp ${asn}`,
          `address-family ${family} unicast`,
          ...lines.map((prefix) => `network ${prefix}`),
        )
      }
    },
  },
  {
    name: 'network lines removed',
    kind: 'passing',
    weight: 4,
    may: (model, node) => !bird(node) && answers(model) && alive(model),
    async act(node, model, random) {
      model.driftAt = performance.now()
      const prefix = random.pick(node.manifest.services.flatMap((service) => service.prefixes))
      const family = prefix.includes(':') ? 'ipv6' : 'ipv4'
      const lines = [
        'configure terminal',
        `router bgp ${node.manifest.asn}`,
        `address-family ${family} unicast`,
      ]
      // bgpd refuses to remove a line that does not exist.
      await node.vtysh(...lines, `no network ${prefix}`).catch(() => {})
    },
  },
  {
    name: 'bird.conf broken',
    kind: 'fault',
    weight: 3,
    may: (model, node) => bird(node) && !model.configBroken,
    act: (node) =>
      writeFile(node.manifest.paths.configFile, '\nthis is not a BIRD configuration\n', { flag: 'a' }),
    becomes: { configBroken: true },
  },
  {
    name: 'bird.conf repaired',
    kind: 'repair',
    weight: 20,
    may: (model) => model.configBroken,
    act: (node) => copyFile(node.goodConfig, node.manifest.paths.configFile),
    becomes: { configBroken: false },
  },
  {
    name: 'session disabled',
    kind: 'fault',
    weight: 2,
    may: (model) => answers(model) && model.disabled.size === 0 && model.cut.size === 0,
    async act(node, model, random) {
      const neighbor = random.pick(node.manifest.neighbors)
      if (bird(node)) await node.birdc(`disable ${neighbor.protocol}`)
      else await setShutdown(node, neighbor.address, '')
      model.disabled.add(neighbor.name)
    },
  },
  {
    name: 'session enabled',
    kind: 'repair',
    weight: 20,
    may: (model) => answers(model) && model.disabled.size > 0,
    async act(node, model) {
      for (const neighbor of node.manifest.neighbors.filter(({ name }) => model.disabled.has(name))) {
        if (bird(node)) await node.birdc(`enable ${neighbor.protocol}`)
        else await setShutdown(node, neighbor.address, 'no ')
      }
      model.disabled.clear()
    },
  },
  {
    name: 'wire cut',
    kind: 'fault',
    weight: 1,
    may: (model) => model.cut.size === 0 && model.disabled.size === 0,
    async act(node, model, random, fabric) {
      const { name } = random.pick(node.manifest.neighbors)
      await node.setWire(fabric, name, 'down')
      model.cut.add(name)
    },
  },
  {
    name: 'link repaired',
    kind: 'repair',
    weight: 20,
    may: (model) => model.cut.size > 0,
    async act(node, model, _random, fabric) {
      for (const name of model.cut) await node.setWire(fabric, name, 'up')
      model.cut.clear()
    },
  },
  {
    name: 'controller killed',
    kind: 'death',
    weight: 3,
    may: (model) => model.controller !== 'absent',
    async act(node, model) {
      await node.endController('SIGKILL')
      lose(model, 'absent')
    },
  },
  {
    name: 'controller ended by SIGTERM',
    kind: 'death',
    weight: 2,
    may: alive,
    async act(node, model) {
      const status = await node.readStatus()
      await node.endController('SIGTERM')
      const isQuiet = performance.now() - model.driftAt > 10_000
      const isHeard = status !== null && model.daemon === 'running' && !model.configBroken && isQuiet
      lose(model, 'absent')
      if (isHeard) model.mustGo = true
    },
  },
  {
    name: 'controller started',
    kind: 'repair',
    weight: 30,
    may: (model) => model.controller === 'absent',
    act: (node) => node.startController(),
    // The previous guard may have ended after the withdrawal.
    becomes: { controller: 'running', isReading: true, mustGo: false, guarded: false, socketGone: false },
  },
  {
    name: 'controller replaced',
    kind: 'death',
    weight: 4,
    may: alive,
    async act(node, model) {
      await node.endController('SIGHUP')
      await node.startController()
      model.intents = new Set(model.saved)
      model.socketGone = false
      model.isReading = true
    },
  },
  {
    name: 'controller stopped',
    kind: 'fault',
    weight: 3,
    may: alive,
    async act(node, model) {
      await node.signalController('SIGSTOP')
      model.controller = 'stopped'
      model.mustGo = model.guarded
    },
  },
  {
    name: 'controller goes on',
    kind: 'repair',
    weight: 30,
    may: (model) => model.controller === 'stopped',
    act: (node) => node.signalController('SIGCONT'),
    becomes: { controller: 'running', mustGo: false },
  },
  {
    name: 'guard killed',
    kind: 'passing',
    weight: 1,
    may: alive,
    async act(node, model) {
      const pid = (await node.readStatus())?.guard?.pid ?? null
      model.guarded = false
      if (pid !== null) {
        try {
          process.kill(pid, 'SIGKILL')
        } catch {
          // It has ended already.
        }
      }
    },
  },
  ...['drain', 'withdraw', 'serve'].map((intent) => ({
    name: intent === 'serve' ? 'undrain' : intent,
    kind: intent === 'serve' ? 'repair' : 'fault',
    weight: intent === 'serve' ? 20 : 3,
    may: (model) => alive(model) && !model.socketGone && !model.intents.has(intent),
    async act(node, model) {
      const outcome = await node.order(intent)
      if (outcome === 'refused') return
      const isSure = outcome === 'taken'
      model.intents = new Set(isSure ? [intent] : [...model.intents, intent])
      model.saved = new Set(isSure && !model.diskFull ? [intent] : [...model.saved, intent])
    },
  })),
  {
    name: 'manual withdraw',
    kind: 'fault',
    weight: 1,
    may: (model) => !alive(model) && !model.intents.has('withdraw') && model.daemon === 'running',
    async act(node, model) {
      await node.withdrawByHand()
      model.saved = new Set(model.diskFull ? [...model.saved, 'withdraw'] : ['withdraw'])
      model.intents = new Set(model.diskFull ? [...model.intents, 'withdraw'] : ['withdraw'])
      if (!model.configBroken) model.mustGo = true
    },
  },
  {
    name: 'disk full',
    kind: 'fault',
    weight: 3,
    may: (model) => !model.diskFull,
    act: (node) => node.fillDisk(),
    becomes: { diskFull: true },
  },
  {
    name: 'disk has room',
    kind: 'repair',
    weight: 20,
    may: (model) => model.diskFull,
    act: (node) => node.freeDisk(),
    becomes: { diskFull: false },
  },
  {
    name: 'state damaged',
    kind: 'passing',
    weight: 2,
    may: (model) => !model.diskFull,
    async act(node, model, random) {
      const file = random.pick(['operator.json', 'services.json'])
      await writeFile(join(node.stateDir, file), random.pick(['', '{', '{"format":7}', '\0\0\0']))
      if (file !== 'operator.json') return
      model.saved.add('serve')
      // It is unknown whether a stopped controller will read the file.
      if (model.controller === 'stopped')
        for (const intent of ['drain', 'withdraw', 'serve']) model.intents.add(intent)
      else if (model.controller === 'absent' || model.isReading) model.intents.add('serve')
    },
  },
  {
    name: 'wall clock jumps',
    kind: 'passing',
    weight: 4,
    may: () => true,
    async act(node, model, random) {
      model.clockOffsetMs = random.pick([-86_400_000, -3_600_000, -5000, 0, 5000, 3_600_000, 86_400_000])
      await node.setClock(model.clockOffsetMs)
    },
  },
  {
    name: 'control socket removed',
    kind: 'passing',
    weight: 1,
    may: (model) => alive(model) && !model.socketGone,
    act: (node) => rm(join(node.manifest.paths.runtimeDir, 'controller.sock'), { force: true }),
    becomes: { socketGone: true },
  },
]

/** The next controller reads the operator's intent from the disk. */
function lose(model, state) {
  model.controller = state
  model.mustGo = model.mustGo || model.guarded
  model.intents = new Set(model.saved)
}

async function setShutdown(node, address, no) {
  await node.vtysh(
    'configure terminal',
    `router bgp ${node.manifest.asn}`,
    `${no}neighbor ${address} shutdown`,
  )
}

/** The actions that apply now: `{ name, kind, weight, act(random, fabric) }`. */
export function listSteps(node, model, allowDeath) {
  const steps = []
  for (const [at, service] of Object.entries(model.services)) {
    for (const one of ofServices) {
      if (!one.may(service)) continue
      const { name, kind, weight, adds = [], removes = [] } = one
      steps.push({
        name: `${at}: ${name}`,
        kind,
        weight,
        async act(random) {
          await one.act(node, at, random, service)
          for (const fault of removes) service.faults.delete(fault)
          for (const fault of adds) service.faults.add(fault)
        },
      })
    }
  }
  for (const one of ofNode) {
    const { name, kind, weight } = one
    if ((kind === 'death' && !allowDeath) || !one.may(model, node)) continue
    steps.push({
      name,
      kind,
      weight,
      async act(random, fabric) {
        await one.act(node, model, random, fabric)
        Object.assign(model, one.becomes)
      },
    })
  }
  return steps
}
