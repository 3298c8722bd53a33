import { setTimeout as delay } from 'node:timers/promises'
import { DaemonError } from '../daemon.ts'
import { BirdClient } from './client.ts'
import { type BirdReply, wordsOf } from './reply.ts'

/** BIRD's whole configuration: parsed, tried for a while, kept or taken back. */
export class BirdConfiguration {
  readonly #client: BirdClient

  /** @param deadlineMs for each reply; a large configuration takes a while to parse */
  constructor(socketPath: string, deadlineMs = 20_000) {
    this.#client = new BirdClient({ socketPath, deadlineMs })
  }

  /** What the running BIRD's own parser has against a file, as `file:line:column words`; `null`: nothing. */
  async check(file: string): Promise<string | null> {
    const reply = await this.#client.send(`configure check ${quote(file)}`)
    if (reply.code === 20) return null
    if (reply.code === 8002) return lastWords(reply)
    throw unexpected('configure check', reply)
  }

  /**
   * Runs a file's configuration, and lets BIRD itself go back to the one before unless `confirm` comes in time.
   * Resolves when the reconfiguration is through. Any `configure` of somebody else ends the trial: then BIRD
   * runs what its own file says, and goes back to nothing.
   * @param file `null`: the file that BIRD reads when it starts
   * @throws DaemonError, 'refused' with the parser's words
   */
  async tryFor(file: string | null, trialS: number): Promise<void> {
    // 2.0 takes the file before the word `timeout`, and no other way round.
    await this.#configure(`configure ${file === null ? '' : `${quote(file)} `}timeout ${trialS}`)
  }

  /** When the configuration was last read, in BIRD's words: another one means that somebody had it read anew. */
  async lastReconfiguration(): Promise<string> {
    const reply = await this.#client.send('show status')
    const line = reply.lines.find(({ text }) => text.startsWith('Last reconfiguration on '))
    if (line === undefined) throw unexpected('show status', reply)
    return line.text
  }

  /** Keeps what is tried; false if there is no trial any more. Throws DaemonError. */
  async confirm(): Promise<boolean> {
    const reply = await this.#client.send('configure confirm')
    if (reply.code === 18) return true
    if (reply.code === 19) return false
    throw unexpected('configure confirm', reply)
  }

  /** Runs what BIRD's own file says now, its includes as they are now, and ends a trial. Throws DaemonError. */
  async reload(): Promise<void> {
    await this.#configure('configure')
  }

  close(): void {
    this.#client.close()
  }

  async #configure(command: string): Promise<void> {
    const reply = await this.#client.send(command)
    // 3 done, 4 in progress, 5 queued behind somebody else's.
    if (![3, 4, 5].includes(reply.code)) throw unexpected(command, reply)
    for (;;) {
      const status = await this.#client.send('show status')
      if (!wordsOf(status).endsWith('Reconfiguration in progress')) return
      await delay(20)
    }
  }
}

function quote(file: string): string {
  if (/["\r\n\0]/.test(file)) throw new RangeError(`BIRD can not be told of the file ${JSON.stringify(file)}`)
  return `"${file}"`
}

function lastWords(reply: BirdReply): string {
  return reply.lines.at(-1)!.text
}

function unexpected(command: string, reply: BirdReply): DaemonError {
  const words = lastWords(reply)
  return new DaemonError(
    reply.code >= 8000 ? 'refused' : 'protocol',
    `BIRD answered "${command}" with: ${words}`,
    {
      reply: words,
    },
  )
}
