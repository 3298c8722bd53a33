import type { Clock } from '../../../clock/clock.ts'
import { anywhere } from '../../../linux/inspect/routes.ts'
import type { LineResult, RunIpBatch } from '../../../linux/ip-batch.ts'
import type { LinkSnapshot } from '../../../linux/link-snapshot.ts'
import {
  type KernelRoute,
  mainTable,
  type PolicyRule,
  parseRoutes,
  parseRules,
} from '../../../linux/policy-routing.ts'
import { RunError } from '../../../linux/run.ts'
import type { Family } from '../../../net/prefix.ts'
import {
  ownProtocol,
  type SourceNeighbor,
  type SourceService,
  type SourceView,
  tableOf,
} from './source-plan.ts'
import { TableReader } from './table-reader.ts'

/** A service with its anycast addresses of one family. */
export interface FamilyService {
  readonly name: string
  readonly port: number
  readonly anycast: readonly string[]
}

export interface FamilyParts {
  readonly family: Family
  readonly services: readonly FamilyService[]
  /** Those of the family that prefixes are announced to. */
  readonly neighbors: readonly SourceNeighbor[]
  readonly run: RunIpBatch
  readonly clock: Pick<Clock, 'now'>
}

export interface Facts {
  /** All rules of ours. */
  readonly rules: readonly PolicyRule[]
  readonly view: SourceView
  /** Those with an address of the family on the node. */
  readonly services: readonly ServiceFacts[]
}

export interface ServiceFacts extends SourceService {
  /** The default route of packets from its anycast address. */
  readonly own: KernelRoute | null
  /** What we have in its table. */
  readonly table: readonly KernelRoute[]
  /** The route of packets without a source. */
  readonly answer: KernelRoute | null
}

/**
 * Where only a default route leads: no route of the Internet is more specific, so it does not matter how many there are.
 * Class E (RFC 1112, section 4), and an address of no registry.
 */
const nowhere = { ipv4: '240.0.0.1', ipv6: '3fff:ffff:ffff::1' } as const

const timeoutMs = 2000
/** Of VRFs, and of neighbors that may be gateways. */
const most = 16
/** What the rules, and a table that is not large, may take. */
const answerBytes = 2 ** 20

/** Reads what the plan of one family needs, in one process while no table is large. */
export class FactsReader {
  readonly #parts: FamilyParts
  readonly #tables: TableReader
  /** Tables that were not large when last read. */
  #small: ReadonlySet<number> = new Set()

  constructor(parts: FamilyParts) {
    this.#parts = parts
    const { family, run, clock, services } = parts
    this.#tables = new TableReader({ family, run, clock, copies: services.length })
  }

  /** @param isUp whether the BGP session to a neighbor is up. Throws RunError, SyntaxError, TypeError. */
  async read(links: LinkSnapshot, isUp: (neighbor: string) => boolean): Promise<Facts> {
    try {
      return await this.#read(links, isUp)
    } catch (cause) {
      if (!(cause instanceof RunError) || cause.kind !== 'too-long' || this.#small.size === 0) throw cause
      // A table has grown.
      this.#small = new Set()
      return this.#read(links, isUp)
    }
  }

  async #read(links: LinkSnapshot, isUp: (neighbor: string) => boolean): Promise<Facts> {
    const { family, run } = this.#parts
    const present = new Set([...links.values()].flatMap(({ up, addresses }) => (up ? addresses : [])))
    const services = this.#parts.services.flatMap(({ name, port, anycast }) => {
      const here = anycast.filter((address) => present.has(address))
      return here.length === 0 ? [] : [{ name, port, present: here }]
    })
    const neighbors = [...this.#parts.neighbors].sort((a, b) => Number(isUp(b.name)) - Number(isUp(a.name)))
    const vrfs = [...new Set(neighbors.flatMap(({ vrf }) => vrf ?? []))].slice(0, most)
    const routed = neighbors
      .filter(({ isGateway, address, interface: link }) => isGateway && address !== null && link === null)
      .slice(0, most)

    const questions = new Questions()
    questions.ask('rules', 'rule show')
    for (const { name, port, present: here } of services) {
      const ofPort = `ipproto 17 sport ${port}`
      questions.ask(`own ${name}`, `route get fibmatch ${nowhere[family]} from ${here[0]} ${ofPort}`)
      questions.ask(`placed ${name}`, `route show table ${tableOf(port)}`)
      questions.ask(`answer ${name}`, `route get ${anywhere[family]} ${ofPort}`)
    }
    // `oif`, and not `vrf`: with the name of none, `ip` ends the batch.
    for (const vrf of vrfs) questions.ask(`vrf ${vrf}`, `route get fibmatch ${nowhere[family]} oif ${vrf}`)
    for (const { name, address, vrf } of routed) {
      questions.ask(`neighbor ${name}`, `route get ${address}${vrf === null ? '' : ` oif ${vrf}`}`)
    }
    for (const table of this.#small) questions.ask(`table ${table}`, `route show table ${table}`)
    const limitBytes = answerBytes * (1 + services.length + this.#small.size)
    questions.take(await run(family, questions.lines, { timeoutMs, limitBytes }))

    const owns = new Map(services.map(({ name }) => [name, questions.defaultOf(`own ${name}`)]))
    const vrfDefaults = new Map(
      vrfs.flatMap((vrf) => {
        const found = questions.defaultOf(`vrf ${vrf}`)
        // From a VRF without a route the kernel goes on to the main table.
        return found === null || found.table === mainTable ? [] : [[vrf, found] as const]
      }),
    )
    const found = [...owns.values(), ...vrfDefaults.values()].flatMap((route) => route?.table ?? [])
    const needed = new Set([mainTable, ...found])
    const tables = new Map<number, readonly KernelRoute[]>()
    for (const table of needed) {
      tables.set(table, questions.routesOf(`table ${table}`) ?? (await this.#tables.read(table)))
    }
    this.#small = new Set([...needed].filter((table) => !this.#tables.isLarge(table)))
    const neighborRoutes = routed.flatMap(({ name }) =>
      (questions.routesOf(`neighbor ${name}`) ?? []).map((route) => [name, route] as const),
    )
    return {
      rules: parseRules(questions.textOf('rules')).filter(({ protocol }) => protocol === ownProtocol),
      view: {
        ...{ family, neighbors, vrfDefaults, tables },
        isInVrfs: neighbors.length > 0 && neighbors.every(({ vrf }) => vrf !== null),
        neighborRoutes: new Map(neighborRoutes),
        addressesOf: (name) => links.get(name)?.addresses ?? [],
      },
      services: services.map((service) => ({
        ...service,
        own: owns.get(service.name) ?? null,
        table: (questions.routesOf(`placed ${service.name}`) ?? []).filter(
          ({ protocol }) => protocol === ownProtocol,
        ),
        answer: questions.routesOf(`answer ${service.name}`)?.[0] ?? null,
      })),
    }
  }
}

/** Lines of a batch, and their answers by a key. */
class Questions {
  readonly lines: string[] = []
  readonly #keys: string[] = []
  #results: readonly LineResult[] = []

  ask(key: string, line: string): void {
    this.#keys.push(key)
    this.lines.push(line)
  }

  take(results: readonly LineResult[]): void {
    this.#results = results
  }

  textOf(key: string): string {
    const result = this.#results[this.#keys.indexOf(key)]
    return result?.ok ? result.json : '[]'
  }

  /** `null`: not asked, or there is no answer. */
  routesOf(key: string): KernelRoute[] | null {
    const result = this.#results[this.#keys.indexOf(key)]
    return result?.ok ? parseRoutes(result.json) : null
  }

  defaultOf(key: string): KernelRoute | null {
    const found = this.routesOf(key)?.[0]
    return found?.dst === 'default' && found.type === 'unicast' && found.hops.length > 0 ? found : null
  }
}
