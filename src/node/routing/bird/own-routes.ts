import { type Family, familyOf } from '../../../net/prefix.ts'
import { type BirdClient, maxCommandBytes } from './client.ts'
import { checkReply } from './reply.ts'
import { type BirdRoute, isCutShort, isGone, matchNetworks, readRoutes } from './route-lists.ts'

/** Up to this number, the prefixes of a family are queried one by one. */
const mostSingly = 8

/** Reconfigurations in a row, by several writers. */
const mostReconfigurations = 5

/** Lists the routes to our own prefixes, in a table that may hold many others. */
export class OwnRoutes {
  readonly #client: BirdClient
  readonly #own: ReadonlySet<string>
  /** What matches our own prefixes, by the rest of the command. */
  readonly #conditions = new Map<string, string>()

  constructor(client: BirdClient, own: ReadonlySet<string>) {
    this.#client = client
    this.#own = own
  }

  /**
   * The routes to our own prefixes of a family. For a list BIRD scans the whole table, which takes a quarter of a
   * second for a full table; a few prefixes are faster one by one.
   * Throws DaemonError.
   * @param rest the rest of the command, which begins with `where`, `protocol` or `exported`
   * @param all with the attributes: the next hop
   */
  async list(family: Family, rest: string, all: '' | 'all ' = ''): Promise<BirdRoute[]> {
    const own = [...this.#own].filter((prefix) => familyOf(prefix) === family)
    const routes: BirdRoute[] = []
    if (own.length > mostSingly) {
      const before = `show route ${all}where (`
      const after = rest.startsWith('where ') ? `) && ${rest.slice('where '.length)}` : `) ${rest}`
      const roomBytes = maxCommandBytes - before.length - after.length
      const condition = this.#conditions.get(before + after) ?? matchNetworks(own, roomBytes)
      this.#conditions.set(before + after, condition)
      routes.push(...(await this.#query(`${before}${condition}${after}`)))
    } else {
      for (const prefix of own) routes.push(...(await this.#query(`show route ${prefix} ${all}${rest}`)))
    }
    return routes.filter(({ prefix }) => this.#own.has(prefix))
  }

  /** Repeats a list that a reconfiguration cut short: the next one is of the new configuration. */
  async #query(command: string): Promise<BirdRoute[]> {
    let reply = await this.#client.send(command)
    for (let again = 0; isCutShort(reply) && again < mostReconfigurations; again += 1) {
      reply = await this.#client.send(command)
    }
    return isGone(reply) ? [] : readRoutes(checkReply(command, reply), this.#own)
  }
}
