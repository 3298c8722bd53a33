import { join } from 'node:path'
import { startWireguard } from '../../bring-up.ts'
import { ipBatch, openIpShell, runIn } from '../../machine/namespaces.ts'
import { signalProcess, waitForEnd } from '../../machine/processes.ts'
import { generateKeyPair } from '../../machine/wireguard.ts'
import { writeSecret } from '../../state.ts'
import type { Fault, Stage } from '../scenario.ts'
import { endProcess, killTimeoutMs } from './processes.ts'

export async function removeInterface({ state, node, wireguard }: Stage): Promise<Fault> {
  const shell = await openIpShell(node.namespace)
  return {
    strike: () => shell.run([`link del ${wireguard.interface}`]),
    async repair() {
      await shell.close()
      await ipBatch(node.namespace, [`link del ${wireguard.interface}`]).catch(() => {})
      if (wireguard.process !== null && !(await waitForEnd(wireguard.process, killTimeoutMs))) {
        await endProcess(wireguard.process)
      }
      await startWireguard(state, node, wireguard)
    },
  }
}

/** The interface stays, with all its peers. */
export async function setDown({ node, wireguard }: Stage): Promise<Fault> {
  const shell = await openIpShell(node.namespace)
  return {
    strike: () => shell.run([`link set ${wireguard.interface} down`]),
    async repair() {
      await shell.close()
      await ipBatch(node.namespace, [`link set ${wireguard.interface} up`])
    },
  }
}

export async function stopWireguard({ node, wireguard }: Stage): Promise<Fault> {
  const running = wireguard.process
  if (running !== null) {
    return {
      strike: async () => void (await signalProcess(running, 'SIGSTOP')),
      repair: async () => void (await signalProcess(running, 'SIGCONT')),
    }
  }
  // The kernel's WireGuard cannot be stopped: its port is blocked instead.
  const table = 'anyward_lab_hung'
  return {
    async strike() {
      await runIn(node.namespace, ['nft', '-f', '-'], { input: renderBlock(table, wireguard.port) })
    },
    async repair() {
      await runIn(node.namespace, ['nft', 'delete', 'table', 'inet', table]).catch(() => {})
    },
  }
}

/** nft 1.0.6 wants a line end or a semicolon after each closing brace. */
export function renderBlock(table: string, port: number): string {
  return `table inet ${table} {
  chain input {
    type filter hook input priority -300
    udp dport ${port} drop
  }
}
`
}

export async function changeKey({ node, wireguard }: Stage): Promise<Fault> {
  const file = join(node.dir, 'wrong.key')
  await writeSecret(file, `${generateKeyPair().privateKey}\n`)
  return {
    async strike() {
      await runIn(node.namespace, ['wg', 'set', wireguard.interface, 'private-key', file])
    },
    repair: () => restoreConfiguration(node.namespace, wireguard.interface, wireguard.config),
  }
}

export async function removeProbePeer({ node, wireguard }: Stage): Promise<Fault> {
  const { probePublicKey } = wireguard
  return {
    async strike() {
      await runIn(node.namespace, ['wg', 'set', wireguard.interface, 'peer', probePublicKey, 'remove'])
    },
    repair: () => restoreConfiguration(node.namespace, wireguard.interface, wireguard.config),
  }
}

async function restoreConfiguration(namespace: string, name: string, config: string): Promise<void> {
  await runIn(namespace, ['wg', 'syncconf', name, config])
}
