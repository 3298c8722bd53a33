import { originators } from '../../../manifest/announcements.ts'
import { countMany } from '../../../text/count.ts'
import { type BirdProtocol, listBirdProtocols, listOspfNeighbors } from '../../routing/bird/protocols.ts'
import { type PlacedStatement, readWithIncludes } from './bird-files.ts'
import { bodyStatements } from './bird-statements.ts'
import { type ConfigText, type Foreign, isWrittenByPlan } from './foreign.ts'
import type { ForeignOptions } from './options.ts'

/** Statements of which nothing is lost: every bundle has its own, or they concern BIRD's diagnosis only. */
const harmless = new Set([
  ...['log', 'router', 'debug', 'watchdog', 'timeformat', 'mrtdump', 'eval', 'graceful', 'hostname', 'cli'],
  ...['threads', 'thread', 'protocol device', 'protocol direct'],
])

const deadlineMs = 20_000

interface BirdPart {
  /** As in the file: `bgp`, `ospf`. */
  readonly type: string
  /** `null`: BIRD chooses one. */
  readonly name: string | null
  readonly statement: PlacedStatement
}

/** What BIRD runs, and what its file would start, that the new configuration does not have. Throws DaemonError. */
export async function findForeignInBird(options: ForeignOptions): Promise<Foreign[]> {
  const { content, installed, old, configFile, daemonSocket, announceFile } = options
  const read = (text: ConfigText) => readWithIncludes(text, announceFile)
  const [statements, fresh, known] = await Promise.all([
    old === null ? [] : read({ path: configFile, text: old }),
    read({ path: configFile, text: content }),
    installed === null ? [] : read({ path: configFile, text: installed }),
  ])
  const running = await listBirdProtocols(daemonSocket, deadlineMs)
  if (installed !== null) {
    // The file is compared with the installed bundle; here, only what BIRD runs without having it from there.
    return describeRunning(running, [...known, ...fresh, ...statements], daemonSocket)
  }
  const isOurs = old !== null && isWrittenByPlan(old)
  const others = statements.filter((statement) => !isOurs || !isIn(statement, fresh))
  return [
    ...(await describeFile(others, running, daemonSocket)),
    ...(await describeRunning(running, [...statements, ...known, ...fresh], daemonSocket)),
  ]
}

/** Whether a configuration has a statement of the same kind and name. */
function isIn({ head }: PlacedStatement, others: readonly PlacedStatement[]): boolean {
  const name = head.join(' ')
  return others.some((other) => other.head.join(' ') === name)
}

async function describeFile(
  statements: readonly PlacedStatement[],
  running: readonly BirdProtocol[],
  socket: string,
): Promise<Foreign[]> {
  const found: Foreign[] = []
  const settings = new Map<string, PlacedStatement[]>()
  for (const statement of statements) {
    const part = readPart(statement)
    if (part === null) {
      const kind = describeSetting(statement)
      if (kind !== null) settings.set(kind, [...(settings.get(kind) ?? []), statement])
      continue
    }
    const state = running.find(({ name }) => name === part.name) ?? onlyOneOf(part, running)
    const item = await describePart(part, state, socket)
    if (item !== null) found.push(item)
  }
  for (const [kind, list] of settings) {
    const state = 'in the file'
    found.push({
      kind: 'settings',
      what: countMany(list.length, kind, plural(kind)),
      state,
      place: placeOf(list[0]!),
    })
  }
  return found
}

function plural(kind: string): string {
  return kind === 'other statement' ? 'other statements' : `${kind}s`
}

/** BIRD names a protocol without a name by its type and a number. */
function onlyOneOf({ name, type }: BirdPart, running: readonly BirdProtocol[]): BirdProtocol | undefined {
  if (name !== null) return undefined
  const candidates = running.filter((one) => new RegExp(`^${type}\\d+$`).test(one.name))
  return candidates.length === 1 ? candidates[0] : undefined
}

async function describeRunning(
  running: readonly BirdProtocol[],
  statements: readonly PlacedStatement[],
  socket: string,
): Promise<Foreign[]> {
  const explained = statements.flatMap((statement) => readPart(statement) ?? [])
  const instances = instancesOf(statements)
  const names = new Set([...Object.values(originators), ...explained.map(({ name }) => name)])
  const unnamed = new Set(explained.filter(({ name }) => name === null).map(({ type }) => type))
  const unknown = running.filter(
    ({ name, type }) =>
      !names.has(name) &&
      !['Device', 'Direct', 'Kernel'].includes(type) &&
      !unnamed.has(/^([a-z]+\d?)\d+$/.exec(name)?.[1] ?? '') &&
      !instances.has(name.replace(/\d+$/, '')),
  )
  const items = await Promise.all(unknown.map((protocol) => describePart(null, protocol, socket)))
  return items.filter((item) => item !== null)
}

/** What the names of the protocols begin with that BIRD starts for the routers of a session with a range of neighbors. */
function instancesOf(statements: readonly PlacedStatement[]): Set<string> {
  const names = statements
    .filter(({ head: [word] }) => word === 'protocol' || word === 'template')
    .flatMap(({ body }) => bodyStatements(body ?? []))
    .flatMap(([word, second, text]) => (word === 'dynamic' && second === 'name' ? [unquote(text ?? '')] : []))
  return new Set(['dynbgp', ...names])
}

function unquote(text: string): string {
  return text.replaceAll('"', '')
}

/** `null`: nothing of it is lost. */
async function describePart(
  part: BirdPart | null,
  running: BirdProtocol | undefined,
  socket: string,
): Promise<Foreign | null> {
  const place = part === null ? null : placeOf(part.statement)
  const type = part?.type ?? running!.type.toLowerCase()
  const name = part?.name ?? running?.name ?? 'without a name'
  switch (type) {
    case 'bgp': {
      const far = running?.neighbor ? running : readNeighbor(part?.statement)
      const to = far?.neighbor ? ` to ${far.neighbor}` : ''
      const asn = far?.neighborAsn ? ` AS ${far.neighborAsn}` : ''
      const state = running === undefined ? null : describeBgp(running)
      return { kind: 'session', what: `BGP session ${name}${to}${asn}`, state, place }
    }
    case 'static': {
      const routes = part === null ? running!.imported : countRoutes(part.statement)
      if (routes === 0) return null
      const state =
        running === undefined ? null : `${running.state}, ${countMany(running.imported, 'route')} in use`
      return {
        kind: 'static-routes',
        what: `${countMany(routes, 'static route')} (protocol ${name})`,
        state,
        place,
      }
    }
    case 'kernel':
      if (part === null || isPlainKernel(part.statement)) return null
      return {
        kind: 'protocol',
        what: `protocol kernel ${name} with settings of its own`,
        state: 'running',
        place,
      }
    case 'ospf': {
      const full = running === undefined ? [] : await listOspfNeighbors(socket, running.name, deadlineMs)
      const neighbors = countMany(full.filter((state) => state.startsWith('Full')).length, 'neighbor')
      const state = running === undefined ? null : `${describeState(running)}, ${neighbors} Full`
      return { kind: 'protocol', what: `OSPF process ${name}`, state, place }
    }
    default: {
      const state = running === undefined ? null : describeState(running)
      return { kind: 'protocol', what: `${running?.type ?? type} protocol ${name}`, state, place }
    }
  }
}

function describeBgp(running: BirdProtocol): string {
  if (running.info !== 'Established') return running.info || running.state
  return `Established, ${countMany(running.imported, 'route')}`
}

function describeState({ state, imported }: BirdProtocol): string {
  return `${state}, ${countMany(imported, 'route')}`
}

/** `null`: it is no protocol. */
function readPart(statement: PlacedStatement): BirdPart | null {
  const [word, type, ...rest] = statement.head
  if (word !== 'protocol' || type === undefined || harmless.has(`protocol ${type}`)) return null
  // `protocol ospf v3 core from base`
  const [first] = rest.filter((one, index) => !(index === 0 && /^v[23]$/.test(one)))
  const name = first === undefined || first === 'from' ? null : first.replaceAll("'", '')
  return { type, name, statement }
}

function readNeighbor(
  statement: PlacedStatement | undefined,
): { neighbor: string; neighborAsn: string | null } | null {
  const words = bodyStatements(statement?.body ?? []).find(([first]) => first === 'neighbor')
  if (words?.[1] === undefined) return null
  const asn = words.indexOf('as')
  return { neighbor: words[1], neighborAsn: asn === -1 ? null : (words[asn + 1] ?? null) }
}

function countRoutes({ body }: PlacedStatement): number {
  return bodyStatements(body ?? []).filter(([word]) => word === 'route').length
}

/** As in Debian's file: it only gives BIRD's routes to the kernel. */
function isPlainKernel({ body }: PlacedStatement): boolean {
  const words = new Set([
    ...[
      'ipv4',
      'ipv6',
      '{',
      '}',
      ';',
      'export',
      'import',
      'all',
      'none',
      'persist',
      'scan',
      'time',
      'metric',
    ],
  ])
  return (body ?? []).every((word) => words.has(word) || /^\d+$/.test(word))
}

function describeSetting({ head }: PlacedStatement): string | null {
  const [word = '', second = ''] = head
  if (harmless.has(word) || harmless.has(`${word} ${second}`)) return null
  if (word === 'filter' || word === 'function' || word === 'template') return word
  if (word === 'define') return 'definition'
  if (word === 'include') return 'include that cannot be read'
  if (head.includes('table')) return 'table'
  return 'other statement'
}

function placeOf({ path, line }: PlacedStatement): string {
  return `${path}:${line}`
}
