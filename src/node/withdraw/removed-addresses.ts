import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { writeFileAtomically } from '../../files/atomic-file.ts'
import { acquireLock } from '../../files/lock.ts'
import { readCarefully } from '../../files/open-regular-file.ts'
import type { RunIp } from '../../linux/ip.ts'
import type { Manifest } from '../../manifest/manifest.ts'
import { address } from '../../manifest/values.ts'
import { parseAddress } from '../../net/prefix.ts'
import { parseJson } from '../../text/parse-json.ts'
import { list, pattern, readJson, record, whole, word } from '../../text/shape.ts'

/** An anycast address that was removed from the node, and where it was. */
export interface RemovedAddress {
  readonly address: string
  readonly prefixLength: number
  readonly interface: string
}

/** The values of the file become arguments of `ip`. */
const fileShape = record({
  format: word(1),
  held: list(
    record({
      address,
      prefixLength: whole(0, 128),
      interface: pattern(/^[^\s/-][^\s/]{0,14}$/, 'is not the name of an interface'),
    }),
    1000,
  ),
})

/**
 * The node's anycast addresses that are removed because a withdrawal did not succeed: a dead endpoint that is
 * still advertised then answers nothing, instead of a part. A file in the runtime folder lists them. Controller,
 * guard and `anyward withdraw` share it, under a lock: each of them restores the addresses when it sees the
 * withdrawal carried out. A boot empties the folder, and brings the addresses back as well.
 */
export class RemovedAddresses {
  readonly #file: string
  readonly #runIp: RunIp
  readonly #lockWaitMs: number
  #removed: readonly RemovedAddress[] = []
  /** Whether the last write failed. Then the addresses in memory count beside those of the file. */
  #unsaved = false

  /** @param lockWaitMs a holder runs a few `ip` commands: some milliseconds each, more on a busy machine */
  constructor({
    manifest,
    runIp,
    lockWaitMs = 2000,
  }: {
    manifest: Manifest
    runIp: RunIp
    lockWaitMs?: number
  }) {
    this.#lockWaitMs = lockWaitMs
    this.#file = join(manifest.paths.runtimeDir, 'held-addresses.json')
    this.#runIp = runIp
  }

  /** The result of the last `load`, `remove` or `restore`. */
  get removed(): readonly RemovedAddress[] {
    return this.#removed
  }

  /** Reads the file; a damaged one lists nothing. Never throws. */
  async load(): Promise<readonly RemovedAddress[]> {
    const text = await readFile(this.#file, { encoding: 'utf8', flag: readCarefully }).catch(() => '')
    const saved = readJson(fileShape, text)?.held ?? []
    this.#removed = this.#unsaved ? union(saved, this.#removed) : saved
    return this.#removed
  }

  /**
   * Removes addresses from the interfaces that have them, and returns the problems. Only a /32 or /128 is removed: the
   * removal of an address with a subnet would also remove its route and the secondary addresses.
   */
  async remove(addresses: readonly string[]): Promise<string[]> {
    const problems: string[] = []
    // Also without the lock: a dead endpoint that answers is worse than a lost entry in the file.
    const release = await this.#lock(problems)
    try {
      return [...problems, ...(await this.#removeLocked(addresses))]
    } finally {
      release?.()
    }
  }

  /** Restores all of them, and returns the problems. An address that cannot be restored stays in the file. */
  async restore(): Promise<string[]> {
    // Checked without the lock: the callers call this often, and mostly there is nothing to restore.
    if ((await this.load()).length === 0) return []
    const problems: string[] = []
    const release = await this.#lock(problems)
    if (release === null) return problems
    try {
      return await this.#restoreLocked()
    } finally {
      release()
    }
  }

  async #removeLocked(addresses: readonly string[]): Promise<string[]> {
    await this.load()
    const wanted = new Set(addresses.map(canonical))
    const problems: string[] = []
    try {
      const present = (await this.#readPresent()).filter(({ address }) => wanted.has(address))
      const alone = present.filter(isAlone)
      for (const one of present.filter((each) => !isAlone(each))) {
        problems.push(`${describe(one)} is not removed: it has a subnet, and is not a /32 or /128`)
      }
      if (alone.length === 0) return problems
      const before = this.#removed
      this.#removed = union(before, alone)
      // Saved first: after a crash in between, the file has an entry too many, not one too few.
      await this.#save(problems)
      const failed = await this.#runForEach(alone, problems, (one) => ['addr', 'del', ...argumentsOf(one)], {
        isDone: (one, now) => !includes(now, one),
      })
      if (failed.length > 0) {
        this.#removed = this.#removed.filter((one) => includes(before, one) || !includes(failed, one))
        await this.#save(problems)
      }
    } catch (error) {
      problems.push((error as Error).message)
    }
    return problems
  }

  async #restoreLocked(): Promise<string[]> {
    const removed = await this.load()
    const problems: string[] = []
    try {
      const present = await this.#readPresent()
      const missing = removed.filter((one) => !includes(present, one))
      this.#removed = await this.#runForEach(
        missing,
        problems,
        (one) => ['addr', 'add', ...argumentsOf(one), ...noDad(one)],
        {
          isDone: (one, now) => includes(now, one),
        },
      )
      await this.#save(problems)
    } catch (error) {
      problems.push((error as Error).message)
    }
    return problems
  }

  /** Runs `ip` for each, and returns those that are not as desired afterwards. The exit code of `ip` does not count. */
  async #runForEach(
    some: readonly RemovedAddress[],
    problems: string[],
    argvOf: (one: RemovedAddress) => readonly string[],
    { isDone }: { isDone: (one: RemovedAddress, now: readonly RemovedAddress[]) => boolean },
  ): Promise<RemovedAddress[]> {
    const failed = new Map<RemovedAddress, string>()
    for (const one of some) {
      await this.#runIp(argvOf(one)).catch((error: Error) => failed.set(one, error.message))
    }
    if (failed.size === 0) return []
    const now = await this.#readPresent().catch((error: Error) => {
      problems.push(...failed.values())
      throw error
    })
    const left = [...failed].filter(([one]) => !isDone(one, now))
    problems.push(...left.map(([, message]) => message))
    return left.map(([one]) => one)
  }

  /** `null`: the lock cannot be acquired; a problem says why. */
  async #lock(problems: string[]): Promise<(() => void) | null> {
    const path = this.#file.replace(/\.json$/, '.lock')
    try {
      const lock = await acquireLock(path, { waitMs: this.#lockWaitMs })
      if (lock.outcome === 'locked') return lock.release
      const holder = lock.pid === null ? 'another process' : `process ${lock.pid}`
      problems.push(
        `${path} is held by ${holder} for more than ${this.#lockWaitMs} ms: end it if it is stopped`,
      )
    } catch (error) {
      problems.push((error as Error).message)
    }
    return null
  }

  async #readPresent(): Promise<RemovedAddress[]> {
    const links: unknown = parseJson(await this.#runIp(['-j', 'addr', 'show']))
    if (!Array.isArray(links)) throw new TypeError('the answer of ip is not a list of links')
    return (links as (IpLink | null)[]).flatMap((link) => {
      const { ifname, addr_info: found } = link ?? {}
      if (typeof ifname !== 'string' || !Array.isArray(found)) return []
      return (found as (IpAddress | null)[]).flatMap((entry): RemovedAddress[] => {
        const { local, prefixlen } = entry ?? {}
        if (typeof local !== 'string' || typeof prefixlen !== 'number') return []
        return [{ address: canonical(local), prefixLength: prefixlen, interface: ifname }]
      })
    })
  }

  async #save(problems: string[]): Promise<void> {
    try {
      if (this.#removed.length === 0) await rm(this.#file, { force: true })
      else await writeFileAtomically(this.#file, `${JSON.stringify({ format: 1, held: this.#removed })}\n`)
      this.#unsaved = false
    } catch (error) {
      this.#unsaved = true
      const { code } = error as NodeJS.ErrnoException
      problems.push(`${this.#file} cannot be written (${code}): no other process restores the addresses`)
    }
  }
}

/** The fields of `ip -j addr show` that are read here; each may be missing. */
interface IpLink {
  readonly ifname?: unknown
  readonly addr_info?: unknown
}
interface IpAddress {
  readonly local?: unknown
  readonly prefixlen?: unknown
}

/** The command with which an operator restores the address. */
export function commandToRestore({ address, prefixLength, interface: name }: RemovedAddress): string {
  return `ip addr add ${address}/${prefixLength} dev ${name}`
}

function argumentsOf({ address, prefixLength, interface: name }: RemovedAddress): string[] {
  return [`${address}/${prefixLength}`, 'dev', name]
}

function noDad({ address }: RemovedAddress): string[] {
  return address.includes(':') ? ['nodad'] : []
}

function isAlone({ address, prefixLength }: RemovedAddress): boolean {
  return prefixLength === (address.includes(':') ? 128 : 32)
}

function describe({ address, prefixLength, interface: name }: RemovedAddress): string {
  return `${address}/${prefixLength} on ${name}`
}

function includes(some: readonly RemovedAddress[], one: RemovedAddress): boolean {
  return some.some((other) => describe(one) === describe(other))
}

function union(a: readonly RemovedAddress[], b: readonly RemovedAddress[]): readonly RemovedAddress[] {
  return [...a, ...b.filter((one) => !includes(a, one))]
}

function canonical(address: string): string {
  const parsed = parseAddress(address)
  return parsed.ok ? parsed.value.toString() : address
}
