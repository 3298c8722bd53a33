import { setTimeout as delay } from 'node:timers/promises'
import { isListening } from '../../../files/unix-socket.ts'
import { DaemonError } from '../daemon.ts'

/** Each daemon starts in less than a second on an idle machine; an apply is not urgent. */
const startTimeoutMs = 60_000

/** Of a daemon of an instance, at each start: no failure. */
const harmless = / option overrides -N option for /

interface Start {
  /** The daemon, for example `zebra`. */
  readonly name: string
  readonly socket: string
  /** How it ended, for example `exit code 1`; `null`: it runs. */
  readonly end: () => string | null
  /** What it has printed. */
  readonly readOutput: () => Promise<string>
  readonly timeoutMs?: number
}

/** Resolves when the daemon listens. Throws DaemonError: `timeout` if it runs but does not listen. */
export async function waitUntilListening(start: Start): Promise<void> {
  const { name, socket, end, readOutput, timeoutMs = startTimeoutMs } = start
  const deadline = performance.now() + timeoutMs
  while (!(await isListening(socket))) {
    const ended = end()
    if (ended !== null) {
      const words = (await readOutput())
        .split('\n')
        .filter((line) => line.trim() !== '' && !harmless.test(line))
      const message = `${name} of FRR, started to read the configuration, ended with ${ended}`
      throw new DaemonError('not-running', [message, ...words].join(': '))
    }
    if (performance.now() > deadline) {
      throw new DaemonError(
        'timeout',
        `${name} of FRR, started to read the configuration, was not ready after ${timeoutMs / 1000} s`,
      )
    }
    await delay(10)
  }
}
