import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { ProbeResult } from '../../../src/node/probe/result.ts'
import type { SideCheckResult } from '../../../src/node/probe/side/side-check.ts'
import type { ExchangeOutcome } from '../../../src/node/wireguard/exchange.ts'

const repository = fileURLToPath(new URL('../../..', import.meta.url))
/** The output folder of `npm run build`. */
export const builtCode = `${repository}dist`

export const fixture = (name: string) => fileURLToPath(new URL(name, import.meta.url))

interface Results {
  connect: null
  watch: null
  stop: null
  handshake: ExchangeOutcome
  ping: ExchangeOutcome
  cycle: ProbeResult
  cycles: ProbeResult[]
  side: SideCheckResult
  crowd: null
}

/** Runs our own code in another namespace, on calls from the test. */
export class Agent {
  readonly #child: ChildProcessWithoutNullStreams
  readonly #waiting = new Map<number, { resolve: (value: never) => void; reject: (error: Error) => void }>()
  #calls = 0

  constructor(namespace: string) {
    this.#child = spawn('ip', ['netns', 'exec', namespace, process.execPath, fixture('agent.mjs'), builtCode])
    let complaints = ''
    this.#child.stderr.on('data', (text) => {
      complaints += text
    })
    createInterface({ input: this.#child.stdout }).on('line', (line) => {
      const { id, result, error } = JSON.parse(line)
      const waiting = this.#waiting.get(id)
      this.#waiting.delete(id)
      if (error === undefined) waiting?.resolve(result as never)
      else waiting?.reject(new Error(error))
    })
    this.#child.on('exit', () => {
      for (const { reject } of this.#waiting.values()) reject(new Error(`the agent ended: ${complaints}`))
    })
  }

  call<Name extends keyof Results>(name: Name, params: object = {}): Promise<Results[Name]> {
    this.#calls += 1
    const id = this.#calls
    const result = new Promise<Results[Name]>((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject })
    })
    this.#child.stdin.write(`${JSON.stringify({ id, call: name, params })}\n`)
    return result
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal)
  }

  async stop(): Promise<void> {
    await this.call('stop')
    const ended = new Promise((resolve) => this.#child.once('exit', resolve))
    this.#child.stdin.end()
    await ended
  }
}
