import { listPrograms } from '../../../../linux/inspect/programs-running.ts'
import { readSystemFile } from '../../../../linux/inspect/text-file.ts'
import { daemonNames } from '../../../../manifest/daemon-kinds.ts'
import { type Check, error, type Found, unseen, warning } from '../../check.ts'

/** Programs that move addresses or announce routes, by the name of their process, and their configuration. */
const announcers: Readonly<Record<string, string | null>> = {
  keepalived: '/etc/keepalived/keepalived.conf',
  exabgp: '/etc/exabgp/exabgp.conf',
  gobgpd: '/etc/gobgpd.conf',
  bird: null,
  bird6: null,
  bgpd: null,
  ucarp: null,
  pacemakerd: null,
}

/** Programs beside the daemon of the bundle that can announce the same addresses. */
export const otherAnnouncers: Check = {
  name: 'other-announcers',
  reads:
    'the processes of this network namespace: keepalived, ExaBGP, GoBGP, a second BIRD or FRR; and their configuration',
  async examine({ manifest, services }) {
    const { programs, hidden } = await listPrograms()
    const own = manifest === null ? null : daemonNames[manifest.daemon].process
    const addresses = services.flatMap(({ anycast, prefixes }) => [...anycast, ...prefixes])
    const found: Found[] = []
    let isOwnSeen = false
    for (const { pid, name, argv } of programs) {
      const kind = Object.keys(announcers).find(
        (one) => name === one || argv.some((word) => word.endsWith(`/${one}`)),
      )
      if (kind === undefined) continue
      if (kind === own && !isOwnSeen) {
        isOwnSeen = true
        continue
      }
      const file = announcers[kind] ?? null
      const text = file === null ? null : await readSystemFile(file).catch(() => null)
      const shared = addresses.find((address) => hasAddress(text ?? '', address))
      if (shared !== undefined) {
        const message = `${kind} (process ${pid}) also has ${shared}, in ${file}: two programs decide about it`
        found.push(error(message, `remove ${shared} from ${file}, or stop ${kind}`))
      } else if (manifest !== null && ['bird', 'bgpd'].includes(kind)) {
        const message = `another routing daemon runs beside the bundle's: ${kind} (process ${pid})`
        found.push(warning(message, 'stop it, unless its routes and sessions are its own'))
      } else if (manifest !== null) {
        const message = `${kind} runs on this node (process ${pid})`
        found.push(warning(message, "check that it does not manage the service's addresses"))
      }
    }
    if (hidden > 0 && process.geteuid!() !== 0) {
      found.push(unseen(`not seen: ${hidden} processes of other users, among them other announcers perhaps`))
    }
    return found
  },
}

export function hasAddress(text: string, address: string): boolean {
  const escaped = address.replace(/[.[\]/]/g, '\\$&')
  return new RegExp(`(?:^|[^0-9A-Za-z.:])${escaped}(?![0-9A-Za-z.:])`).test(text)
}
