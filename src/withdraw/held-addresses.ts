import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { writeFileAtomically } from '../bundle/atomic-file.ts'
import type { Manifest } from '../manifest/manifest.ts'
import { parseAddress } from '../net/prefix.ts'
import type { RunIp } from './run-ip.ts'

/** An anycast address that we took off the node, and where it was. */
export interface HeldAddress {
  readonly address: string
  readonly prefixLength: number
  readonly interface: string
}

/** What the file says ends up in argv. */
const heldSchema = z.strictObject({
  address: z.string().refine((text) => parseAddress(text).ok),
  prefixLength: z.number().int().min(0).max(128),
  interface: z.string().regex(/^[^\s/-][^\s/]{0,14}$/),
})
const fileSchema = z.strictObject({ format: z.literal(1), held: z.array(heldSchema).max(1000) })

const linksSchema = z.array(
  z.looseObject({
    ifname: z.string().optional(),
    addr_info: z
      .array(z.looseObject({ local: z.string().optional(), prefixlen: z.number().optional() }))
      .optional(),
  }),
)

/**
 * The node's anycast addresses that are held off it, because a withdrawal did not get through: a dead endpoint
 * that is still announced answers nothing then, instead of half of it. What is held stands in a file of the
 * runtime folder, which controller, guard and `anyward withdraw` share: whoever sees the withdrawal carried
 * out puts the addresses back. A boot empties that folder, and brings the addresses back as well.
 */
export class HeldAddresses {
  readonly #file: string
  readonly #runIp: RunIp
  #held: readonly HeldAddress[] = []
  /** The file could not be written: then what we know counts, and else what the file says. */
  #unsaved = false

  constructor({ manifest, runIp }: { manifest: Manifest; runIp: RunIp }) {
    this.#file = join(manifest.paths.runtimeDir, 'held-addresses.json')
    this.#runIp = runIp
  }

  /** As `load`, `take` or `putBack` found them last. */
  get held(): readonly HeldAddress[] {
    return this.#held
  }

  /** What the file says; a damaged one says nothing. Never throws. */
  async load(): Promise<readonly HeldAddress[]> {
    if (this.#unsaved) return this.#held
    const text = await readFile(this.#file, 'utf8').catch(() => '')
    const parsed = fileSchema.safeParse(parseJson(text))
    this.#held = parsed.success ? parsed.data.held : []
    return this.#held
  }

  /**
   * Takes addresses off whatever interfaces have them, and returns what stood in the way. Only where they stand
   * alone, as /32 or /128: taking off a longer subnet's would take its route, and the others of it, too.
   */
  async take(addresses: readonly string[]): Promise<string[]> {
    const problems: string[] = []
    await this.load()
    const wanted = new Set(addresses.map(canonical))
    let present: HeldAddress[]
    try {
      present = (await this.#readPresent()).filter(({ address }) => wanted.has(address))
    } catch (error) {
      return [(error as Error).message]
    }
    const alone = present.filter(isAlone)
    for (const one of present.filter((each) => !isAlone(each))) {
      problems.push(`${describe(one)} stays: it carries a subnet`)
    }
    if (alone.length === 0) return problems
    const before = this.#held
    this.#held = union(before, alone)
    // First, so that a crash in between leaves a note too many and not one too few.
    await this.#save(problems)
    const failed: HeldAddress[] = []
    for (const one of alone) {
      try {
        await this.#runIp(['addr', 'del', `${one.address}/${one.prefixLength}`, 'dev', one.interface])
      } catch (error) {
        failed.push(one)
        problems.push((error as Error).message)
      }
    }
    if (failed.length > 0) {
      this.#held = this.#held.filter((one) => before.includes(one) || !failed.includes(one))
      await this.#save(problems)
    }
    return problems
  }

  /** Puts all of them back where they were, and returns what stood in the way; those stay in the file. */
  async putBack(): Promise<string[]> {
    await this.load()
    if (this.#held.length === 0) return []
    const problems: string[] = []
    let present: readonly HeldAddress[] = []
    try {
      present = await this.#readPresent()
    } catch (error) {
      return [(error as Error).message]
    }
    const left: HeldAddress[] = []
    for (const one of this.#held) {
      // Somebody else was quicker.
      if (present.some((other) => same(one, other))) continue
      const noDad = one.address.includes(':') ? ['nodad'] : []
      try {
        await this.#runIp([
          'addr',
          'add',
          `${one.address}/${one.prefixLength}`,
          'dev',
          one.interface,
          ...noDad,
        ])
      } catch (error) {
        left.push(one)
        problems.push((error as Error).message)
      }
    }
    this.#held = left
    await this.#save(problems)
    return problems
  }

  async #readPresent(): Promise<HeldAddress[]> {
    const links = linksSchema.parse(parseJson(await this.#runIp(['-j', 'addr', 'show'])))
    return links.flatMap(({ ifname, addr_info = [] }) =>
      addr_info.flatMap(({ local, prefixlen }) =>
        ifname === undefined || local === undefined || prefixlen === undefined
          ? []
          : [{ address: canonical(local), prefixLength: prefixlen, interface: ifname }],
      ),
    )
  }

  async #save(problems: string[]): Promise<void> {
    this.#unsaved = false
    try {
      if (this.#held.length === 0) await rm(this.#file, { force: true })
      else await writeFileAtomically(this.#file, `${JSON.stringify({ format: 1, held: this.#held })}\n`)
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      problems.push(
        `${this.#file} can not be written (${code}): nobody will put the addresses back by itself`,
      )
    }
  }
}

/** How a person puts it back. */
export function commandToPutBack({ address, prefixLength, interface: name }: HeldAddress): string {
  return `ip addr add ${address}/${prefixLength} dev ${name}`
}

function isAlone({ address, prefixLength }: HeldAddress): boolean {
  return prefixLength === (address.includes(':') ? 128 : 32)
}

function describe({ address, prefixLength, interface: name }: HeldAddress): string {
  return `${address}/${prefixLength} on ${name}`
}

function same(a: HeldAddress, b: HeldAddress): boolean {
  return describe(a) === describe(b)
}

function union(a: readonly HeldAddress[], b: readonly HeldAddress[]): readonly HeldAddress[] {
  return [...a, ...b.filter((one) => !a.some((other) => same(one, other)))]
}

function canonical(address: string): string {
  const parsed = parseAddress(address)
  return parsed.ok ? parsed.value.toString() : address
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
