import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { builtCode } from '../fixture-wireguard/agent.ts'

export interface TestVrp {
  readonly prefix: string
  readonly maxLength: number
  readonly asn: number
}

/** RTR servers on a namespace's loopback. One call at a time. */
export class RtrAgent {
  readonly #child: ChildProcessWithoutNullStreams
  readonly #answers: AsyncIterator<string>
  #complaints = ''

  constructor(namespace: string) {
    const script = fileURLToPath(new URL('rtr-agent.mjs', import.meta.url))
    this.#child = spawn('ip', ['netns', 'exec', namespace, process.execPath, script, builtCode])
    this.#child.stderr.on('data', (text) => {
      this.#complaints += text
    })
    this.#answers = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]()
  }

  /** Starts the server of that port, or gives it another set. */
  serve(port: number, vrps: readonly TestVrp[]): Promise<void> {
    return this.#call({ call: 'serve', port, vrps })
  }

  close(port: number): Promise<void> {
    return this.#call({ call: 'close', port })
  }

  end(): void {
    this.#child.kill('SIGKILL')
  }

  async #call(request: object): Promise<void> {
    this.#child.stdin.write(`${JSON.stringify(request)}\n`)
    const { value, done } = await this.#answers.next()
    if (done) throw new Error(`the RTR agent ended: ${this.#complaints}`)
    const { error } = JSON.parse(value)
    if (error !== undefined) throw new Error(error)
  }
}
