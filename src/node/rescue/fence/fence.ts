import type { Clock } from '../../../clock/clock.ts'
import { applyNft } from '../../../linux/nft.ts'

/** Of the whole fence. Nothing else of the node's nftables is touched. */
export const fenceTable = 'anyward_fence'

interface FenceParts {
  readonly clock: Clock
  /** Called when the rules could not be set, and with `null` when they could again. */
  readonly onProblem: (problem: string | null) => void
  readonly apply?: (script: string) => Promise<void>
}

/**
 * The rules are set again after this time, in milliseconds: another program may have flushed them, or the guard may have
 * fenced what this process announces again.
 */
const repeatMs = { fenced: 5000, notFenced: 60_000 } as const

/**
 * Drops what WireGuard on this node sends by itself from the ports of services that are not announced here: handshake initiations
 * (message type 1, WireGuard paper, section 5.4.2) and keepalives (type 4 without content, section 6.5). A peer that accepts an
 * initiation would switch to a session of this node, while its packets reach another site; one that receives a keepalive would wait
 * 15 s from then on, because it takes its session for alive. Answers to the node's own probe pass.
 */
export class Fence {
  readonly #clock: Clock
  readonly #onProblem: (problem: string | null) => void
  readonly #apply: (script: string) => Promise<void>
  #wanted: ReadonlySet<number> = new Set()
  /** What the kernel has, as far as it is known; `null`: it is not. */
  #known: ReadonlySet<number> | null = null
  #setAt = Number.NEGATIVE_INFINITY
  #problem: string | null = null
  #work: Promise<void> = Promise.resolve()

  constructor({ clock, onProblem, apply = applyNft }: FenceParts) {
    this.#clock = clock
    this.#onProblem = onProblem
    this.#apply = apply
  }

  /** Whether initiations from the port are dropped; `null`: not known. */
  isFenced(port: number): boolean | null {
    return this.#known?.has(port) ?? null
  }

  /** Fences exactly these ports. Cheap when nothing has changed. Resolves when the kernel has it, or has refused. Never rejects. */
  set(ports: ReadonlySet<number>): Promise<void> {
    this.#wanted = ports
    return this.#isInPlace(ports) ? this.#work : this.#enqueue()
  }

  /** The same without a look at what is known: another process may have fenced ports since. */
  lower(ports: ReadonlySet<number>): Promise<void> {
    this.#wanted = new Set([...this.#wanted].filter((port) => !ports.has(port)))
    this.#known = null
    return this.#enqueue()
  }

  /** Resolves when all that was asked for is done, or was refused. */
  settled(): Promise<void> {
    return this.#work
  }

  #enqueue(): Promise<void> {
    this.#work = this.#work.then(() => this.#run())
    return this.#work
  }

  async #run(): Promise<void> {
    const wanted = this.#wanted
    if (this.#isInPlace(wanted)) return
    try {
      await this.#apply(fenceScript(wanted))
      this.#known = wanted
      this.#setAt = this.#clock.now()
      this.#report(null)
    } catch (error) {
      this.#known = null
      this.#report((error as Error).message)
    }
  }

  #isInPlace(ports: ReadonlySet<number>): boolean {
    const ageMs = this.#clock.now() - this.#setAt
    return isSame(ports, this.#known) && ageMs < (ports.size > 0 ? repeatMs.fenced : repeatMs.notFenced)
  }

  #report(problem: string | null): void {
    if (problem === this.#problem) return
    this.#problem = problem
    this.#onProblem(problem)
  }
}

/** Replaces the table as a whole, in one transaction; without ports there is none. */
export function fenceScript(ports: Iterable<number>): string {
  // A `delete` of a table that does not exist would fail.
  const clear = `add table inet ${fenceTable}\ndelete table inet ${fenceTable}\n`
  const list = [...ports].sort((a, b) => a - b).join(', ')
  if (list === '') return clear
  return `${clear}table inet ${fenceTable} {
  set ports { type inet_service; elements = { ${list} } }
${chain}}
`
}

/** Adds these ports to those that are fenced already, by another process for example. */
export function addToFence(ports: Iterable<number>): string {
  return `table inet ${fenceTable} {
  set ports { type inet_service; elements = { ${[...ports].join(', ')} } }
  chain output { type filter hook output priority -310; policy accept; }
}
flush chain inet ${fenceTable} output
table inet ${fenceTable} {
${chain}}
`
}

/**
 * The first byte after the UDP header, of 64 bits, is the type of the message; a keepalive has no content, 32 bytes in all. Before the
 * tracking of connections, at -200.
 */
const chain = `  chain output {
    type filter hook output priority -310; policy accept;
    udp sport @ports @th,64,8 1 drop
    udp sport @ports @th,64,8 4 udp length 40 drop
  }
`

function isSame(a: ReadonlySet<number>, b: ReadonlySet<number> | null): boolean {
  return b !== null && a.size === b.size && [...a].every((port) => b.has(port))
}
