import Handlebars from 'handlebars'
import { prefixesOf } from '../planner/compile.ts'
import type { Manifest, ManifestService } from '../planner/manifest.ts'
import type { NodePlan } from '../planner/plan.ts'
import { describeRpki, describeSession } from '../planner/session-setup.ts'
import type { EgressCheck } from '../sites/fleet.ts'
import { renderAnnouncements } from './announcements.ts'
import { viewForBird, viewForFrr } from './view.ts'

/** Template sources by their path below templates/, such as `bird/bird.conf.hbs`. */
export type Templates = ReadonlyMap<string, string>

export interface BundleFile {
  readonly path: string
  readonly content: string
}

export type Renderer = (node: NodePlan) => readonly BundleFile[]

/** The configuration files of a node's bundle, without its manifest. */
export function createRenderer(templates: Templates): Renderer {
  // Nothing is escaped, since these are not HTML: the schema keeps quotes, braces and newlines out of names.
  const handlebars = Handlebars.create()
  handlebars.registerHelper({ each: printEach, if: printIf })
  const compiled = new Map(
    [...templates].map(([path, source]) => [
      path,
      // Told that there are no other helpers and no `@` names, it looks each name up just once.
      handlebars.compile(source, { noEscape: true, strict: true, knownHelpersOnly: true, data: false }),
    ]),
  )
  const render = (path: string, view: object): string => {
    const template = compiled.get(path)
    if (template === undefined) throw new Error(`there is no template ${path}`)
    return template(view)
  }
  return (node) =>
    node.daemon === 'bird'
      ? [
          { path: 'announce.conf', content: renderAnnouncements([]) },
          { path: 'bird.conf', content: render('bird/bird.conf.hbs', viewForBird(node)) },
        ]
      : [{ path: 'frr.conf', content: render('frr/frr.conf.hbs', viewForFrr(node)) }]
}

// Those of Handlebars print nothing for a name that is not there, which would be an empty filter.
function printEach(items: unknown, { fn }: Handlebars.HelperOptions): string {
  if (!Array.isArray(items)) throw new TypeError(`a template goes over ${typeof items}, which is no list`)
  let text = ''
  for (const item of items) text += fn(item)
  return text
}

function printIf(this: unknown, value: unknown, { fn, inverse }: Handlebars.HelperOptions): string {
  if (value === undefined) throw new TypeError('a template asks for something that is not there')
  const holds = Array.isArray(value) ? value.length > 0 : Boolean(value)
  return holds ? fn(this) : inverse(this)
}

/** What the controller needs to know of its node, and the next plan of this one. `files` are the bundle's others. */
function describeEgress(egress: EgressCheck | null): ManifestService['probe']['egress'] {
  return (
    egress && {
      ...egress,
      targets: egress.targets.map((target) => ({ ...target, address: target.address.toString() })),
    }
  )
}

export function buildManifest(
  node: NodePlan,
  files: readonly BundleFile[],
  hash: (text: string) => string,
): Manifest {
  return {
    format: 1,
    site: node.site,
    node: node.node,
    daemon: node.daemon,
    asn: node.asn,
    routerId: node.routerId,
    paths: node.layout.paths,
    listen: [...node.layout.listen],
    neighbors: node.sessions.map((session) => ({
      name: session.neighbor,
      kind: session.kind,
      asn: session.asn,
      address: session.address.toString(),
      localAddress: session.localAddress?.toString() ?? null,
      family: session.family,
      protocol: node.daemon === 'bird' ? session.symbol : null,
      gtsm: session.gtsm,
      passwordFile: session.passwordFile,
      prefixes: session.exports.map(String),
      session: describeSession(session, hash),
    })),
    rpki: describeRpki(node.rpki),
    services: node.services.map((service) => ({
      name: service.name,
      prefixes: prefixesOf([service], true).map(String),
      anycast: service.anycast.map((prefix) => prefix.network.toString()),
      wireguard: {
        interface: service.wireguard.interface,
        port: service.wireguard.port,
        publicKey: service.wireguard.publicKey,
        addresses: service.wireguard.addresses.map(({ address }) => address.toString()),
      },
      probe: {
        privateKeyFile: service.probe.privateKeyFile,
        presharedKeyFile: service.probe.presharedKeyFile,
        address: service.probe.address.toString(),
        intervalMs: service.probe.intervalMs,
        timeoutMs: service.probe.timeoutMs,
        rise: service.probe.rise,
        fall: service.probe.fall,
        checks: [...service.probe.checks],
        window: service.probe.window,
        holdDown: service.probe.holdDown,
        egress: describeEgress(service.probe.egress),
        command: service.probe.command && {
          ...service.probe.command,
          argv: [...service.probe.command.argv],
        },
        peers: service.probe.peers,
        conntrack: service.probe.conntrack,
      },
      when: service.when,
      drain: service.drain,
      onStop: service.safety.onStop,
      deadManMs: service.safety.deadManMs,
      minSites: service.safety.minSites,
    })),
    degradable: true,
    maintenance: node.maintenance.map((window) => ({ ...window })),
    files: Object.fromEntries(files.map(({ path, content }) => [path, hash(content)])),
  }
}
