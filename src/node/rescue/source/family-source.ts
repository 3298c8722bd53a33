import type { LinkSnapshot } from '../../../linux/link-snapshot.ts'
import { bad, good, inconclusive, type SideVerdict } from '../../probe/side/create-side-probe.ts'
import { type Facts, FactsReader, type FamilyParts, type ServiceFacts } from './read-facts.ts'
import {
  describeRoute,
  describeRule,
  keyOf,
  ownProtocol,
  planRules,
  planSource,
  sharedRules,
  tableOf,
} from './source-plan.ts'

export interface FamilyLook {
  /** By service. */
  readonly verdicts: ReadonlyMap<string, SideVerdict>
  /** What was in place and is gone, as arguments of `ip rule` and `ip route`: another program has removed it. */
  readonly lost: readonly string[]
  /** Whether anything was changed, or is still to be changed. */
  readonly changed: boolean
  /** Changes that the kernel has refused, and that are still to be made. */
  readonly problems: readonly string[]
}

const timeoutMs = 2000
/** A change that the kernel has refused is tried again after this time. */
const retryMs = 60_000

/** A line that is to be in the kernel, and the command that puts it there. */
interface Change {
  readonly command: string
  /** The rule or route; `null`: it is removed. */
  readonly placed: string | null
}

interface Comparison {
  readonly desired: readonly string[]
  readonly changes: readonly Change[]
  /** By service, the VRF that has no anycast address. */
  readonly vrfs: ReadonlyMap<string, string>
}

/** The rules and tables of one family: changes what is not as it is to be, and judges by what the kernel says. */
export class FamilySource {
  readonly #parts: FamilyParts
  readonly #reader: FactsReader
  /** What was in place after the last look. */
  #placed: ReadonlySet<string> = new Set()
  /** By command. */
  readonly #refused = new Map<string, { readonly problem: string; readonly atMs: number }>()
  #isFirst = true

  constructor(parts: FamilyParts) {
    this.#parts = parts
    this.#reader = new FactsReader(parts)
  }

  /** What was refused is tried again. */
  forgetRefusals(): void {
    this.#refused.clear()
  }

  /** @param isUp whether the BGP session to a neighbor is up. Throws RunError, SyntaxError, TypeError. */
  async look(links: LinkSnapshot, isUp: (neighbor: string) => boolean): Promise<FamilyLook> {
    let facts = await this.#reader.read(links, isUp)
    let compared = this.#compare(facts)
    const { changes } = compared
    const lost = changes.flatMap(({ placed }) =>
      placed !== null && this.#placed.has(placed) ? [placed] : [],
    )
    if (await this.#change(changes)) {
      facts = await this.#reader.read(links, isUp)
      compared = this.#compare(facts)
    }
    const missing = new Set(compared.changes.map(({ placed }) => placed))
    this.#placed = new Set(compared.desired.filter((one) => !missing.has(one)))
    this.#isFirst = false
    const problems = compared.changes.flatMap(({ command }) => {
      const refused = this.#refused.get(command)
      return refused === undefined ? [] : [`ip ${command}: ${refused.problem}`]
    })
    // What was refused is not expected soon.
    const changed = compared.changes.length > problems.length || changes.length > compared.changes.length
    return { verdicts: this.#judge(facts, compared), lost, changed, problems }
  }

  /** Removes the rules and routes of these services. Throws RunError. */
  async remove(names: ReadonlySet<string>, limitMs: number): Promise<void> {
    const { family, services, run } = this.#parts
    const tables = services.filter(({ name }) => names.has(name)).map(({ port }) => tableOf(port))
    const isLast = services.every(({ name }) => names.has(name))
    const rules = [...this.#placed].filter(
      (one) => tables.some((table) => isOfTable(one, table)) || (isLast && sharedRules.includes(one)),
    )
    const lines = [
      ...rules.map((rule) => `rule del ${rule}`),
      ...tables.map((table) => `route flush table ${table} protocol ${ownProtocol}`),
    ]
    await run(family, lines, { timeoutMs: limitMs })
  }

  #compare({ view, services, rules }: Facts): Comparison {
    const { family } = this.#parts
    const tables = this.#parts.services.map(({ port }) => tableOf(port))
    const vrfs = new Map<string, string>()
    const desired: string[] = []
    const added: Change[] = []
    const removed: Change[] = []
    const planned = services.map((service) => {
      const plan = planSource(service, service.own, view)
      const table = tableOf(service.port)
      const before = new Map(
        service.table.map((route) => [keyOf(route), describeRoute(route, table, family)]),
      )
      for (const route of plan.routes) {
        const placed = describeRoute(route, table, family)
        desired.push(placed)
        if (before.get(keyOf(route)) !== placed) added.push({ command: `route replace ${placed}`, placed })
        before.delete(keyOf(route))
      }
      for (const one of before.values()) removed.push({ command: `route del ${one}`, placed: null })
      if (plan.vrfWithoutAddress !== null) vrfs.set(service.name, plan.vrfWithoutAddress)
      return { ...service, forAnycast: plan.forAnycast }
    })
    const wanted = planRules(family, planned)
    const found = rules.map(describeRule)
    for (const placed of wanted) {
      if (!found.includes(placed)) added.push({ command: `rule add ${placed}`, placed })
    }
    for (const rule of found) {
      const isOwn = tables.some((table) => isOfTable(rule, table))
      // Of services that the node had before; once, because a test may run another controller beside this one.
      if (wanted.includes(rule) || !(isOwn || this.#isFirst)) continue
      removed.push({ command: `rule del ${rule}`, placed: null })
      const table = / lookup (\d+) /.exec(rule)?.[1]
      if (isOwn || table === undefined) continue
      removed.push({ command: `route flush table ${table} protocol ${ownProtocol}`, placed: null })
    }
    return { desired: [...desired, ...wanted], changes: [...added, ...removed], vrfs }
  }

  /** Returns whether any was due. */
  async #change(changes: readonly Change[]): Promise<boolean> {
    const { family, run, clock } = this.#parts
    const now = clock.now()
    const due = changes
      .map(({ command }) => command)
      .filter((command) => now - (this.#refused.get(command)?.atMs ?? Number.NEGATIVE_INFINITY) >= retryMs)
    const results = await run(family, due, { timeoutMs })
    results.forEach((result, at) => {
      if (result.ok) this.#refused.delete(due[at]!)
      else this.#refused.set(due[at]!, { problem: result.problem, atMs: now })
    })
    return due.length > 0
  }

  #judge({ services }: Facts, { vrfs }: Comparison): Map<string, SideVerdict> {
    const facts = new Map(services.map((service) => [service.name, service]))
    return new Map(
      this.#parts.services.map(({ name, anycast }) => {
        const service = facts.get(name)
        const missing = inconclusive('address-missing', `${anycast.join(' and ')} is not on this node`)
        return [name, service === undefined ? missing : judge(service, anycast, vrfs.get(name) ?? null)]
      }),
    )
  }
}

function isOfTable(rule: string, table: number): boolean {
  return rule.startsWith('pref ') && rule.includes(` lookup ${table} `)
}

function judge({ answer, port }: ServiceFacts, anycast: readonly string[], vrf: string | null): SideVerdict {
  const [first] = anycast
  if (answer === null) {
    return inconclusive('no-route', `this node has no route for what WireGuard sends from ${first}`)
  }
  const { prefsrc, hops, table } = answer
  if (prefsrc !== null && anycast.includes(prefsrc)) return good(`WireGuard sends from ${prefsrc}`)
  const by = `by ${hops[0]?.dev ?? 'no interface'}, table ${table}`
  const detail = `what WireGuard sends first, or repeats, leaves port ${port} from ${prefsrc ?? 'no address'} (${by}), and not from ${first}`
  return vrf === null
    ? bad('source-wrong', detail)
    : bad('source-not-in-vrf', `${detail}, which is on no interface of the VRF ${vrf}`)
}
