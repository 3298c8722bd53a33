import { setTimeout as delay } from 'node:timers/promises'
import { DaemonError } from '../daemon.ts'
import { BirdClient } from './client.ts'
import { type BirdReply, wordsOf } from './reply.ts'

/** A moment on the clock of `performance.now()`, in milliseconds: not before `earliest`, and not after `latest`. */
export interface Moment {
  readonly earliest: number
  readonly latest: number
}

export function isLater(one: Moment, other: Moment): boolean {
  return one.earliest > other.latest
}

/**
 * From its age: the time that BIRD prints of one event differs by a millisecond from answer to answer, and by more after
 * a step of the clock. The times of a `timeformat` without a date are not read: then it may be any moment.
 * @param status the answer to `show status`
 */
export function readLastReconfiguration(status: string, askedAt: number, answeredAt: number): Moment {
  const [now, then] = ['Current server time is', 'Last reconfiguration on'].map((label) => {
    const found = new RegExp(`^${label} (\\d{4}-\\d\\d-\\d\\d) (\\d\\d:\\d\\d:\\d\\d)(\\.\\d+)?`, 'm').exec(
      status,
    )
    if (found === null) return null
    const [, date, time, fraction] = found
    return { at: Date.parse(`${date}T${time}${fraction ?? ''}Z`), errorMs: fraction === undefined ? 1000 : 2 }
  }) as [PrintedTime | null, PrintedTime | null]
  if (now === null || then === null) return { earliest: -Infinity, latest: Infinity }
  const ageMs = now.at - then.at
  return { earliest: askedAt - ageMs - now.errorMs, latest: answeredAt - ageMs + now.errorMs }
}

interface PrintedTime {
  readonly at: number
  readonly errorMs: number
}

/** BIRD's whole configuration: checks it, runs it on trial, confirms it or reverts it. */
export class BirdConfiguration {
  readonly #client: BirdClient

  /** @param deadlineMs for each reply; a large configuration takes a while to parse */
  constructor(socketPath: string, deadlineMs = 20_000) {
    this.#client = new BirdClient({ socketPath, deadlineMs })
  }

  /**
   * The parser error of the running BIRD for a file, as `file:line:column words`; `null`: none.
   * @param file `null`: the file that BIRD reads when it starts
   */
  async check(file: string | null): Promise<string | null> {
    const reply = await this.#client.send(`configure check${file === null ? '' : ` ${quote(file)}`}`)
    if (reply.code === 20) return null
    if (reply.code === 8002) return lastWords(reply)
    throw unexpected('configure check', reply)
  }

  /**
   * Runs a file's configuration; BIRD itself reverts to the previous one unless `confirm` follows in time.
   * Resolves when the reconfiguration is done. A `configure` by another client ends the trial: then BIRD runs its
   * own file, and reverts nothing.
   * @param file `null`: the file that BIRD reads when it starts
   * @throws DaemonError, 'refused' with the parser's words
   */
  async tryFor(file: string | null, trialS: number): Promise<void> {
    // BIRD 2.0 accepts the file only before the word `timeout`.
    await this.#configure(`configure ${file === null ? '' : `${quote(file)} `}timeout ${trialS}`)
  }

  /** When the configuration was last read. Throws DaemonError. */
  async lastReconfiguration(): Promise<Moment> {
    const askedAt = performance.now()
    const reply = await this.#client.send('show status')
    return readLastReconfiguration(wordsOf(reply), askedAt, performance.now())
  }

  /** Confirms the trial; false if it has ended. Throws DaemonError. */
  async confirm(): Promise<boolean> {
    const reply = await this.#client.send('configure confirm')
    if (reply.code === 18) return true
    if (reply.code === 19) return false
    throw unexpected('configure confirm', reply)
  }

  /** Runs BIRD's own file with its includes, as they are now, and ends a trial. Throws DaemonError. */
  async reload(): Promise<void> {
    await this.#configure('configure')
  }

  close(): void {
    this.#client.close()
  }

  async #configure(command: string): Promise<void> {
    const reply = await this.#client.send(command)
    // 3 done, 4 in progress, 5 queued after another client's.
    if (![3, 4, 5].includes(reply.code)) throw unexpected(command, reply)
    for (;;) {
      const status = await this.#client.send('show status')
      if (!wordsOf(status).endsWith('Reconfiguration in progress')) return
      await delay(20)
    }
  }
}

function quote(file: string): string {
  if (/["\r\n\0]/.test(file))
    throw new RangeError(`BIRD cannot read a file with the name ${JSON.stringify(file)}`)
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
