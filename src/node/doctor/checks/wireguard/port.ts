import { findUdpSockets } from '../../../../linux/inspect/udp-sockets.ts'
import { type Check, error, type Found } from '../../check.ts'
import { showIfPresent } from './show.ts'

/** The port of the interface against that of the YAML, and who else has it. */
export const port: Check = {
  name: 'port',
  reads: 'the UDP port of the interface, and which program has that port',
  async examine({ services }) {
    const found: Found[] = []
    const owners = new Map<number, string>()
    for (const { name, wireguard } of services) {
      const { interface: label, port: wanted } = wireguard
      const other = owners.get(wanted)
      if (other !== undefined && other !== label) {
        const cure = 'give one of the services another port in the YAML'
        found.push(error(`the interfaces ${other} and ${label} are both to listen on UDP ${wanted}`, cure))
      }
      owners.set(wanted, label)
      const text = await showIfPresent(label, 'listen-port')
      if (text !== null && text.trim() === String(wanted)) continue
      if (text !== null) {
        const cure = `wg set ${label} listen-port ${wanted}, and correct its configuration file`
        const has = text.trim() === '0' ? 'no port' : `UDP ${text.trim()}`
        found.push(error(`${label} of ${name} listens on ${has}, the YAML says ${wanted}`, cure))
      }
      for (const { program, pid } of await findUdpSockets(wanted)) {
        const who = program === null ? 'another socket' : `${program} (process ${pid})`
        found.push(
          error(`${who} has UDP ${wanted}, the port of ${name}`, 'stop it, or use another port in the YAML'),
        )
      }
    }
    return found
  },
}
