import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { type LinkEvent, parseLinkEvent } from './link-lines.ts'
import { startProgram } from './run.ts'

interface LinkMonitorOptions {
  /** The program `ip` of iproute2. */
  readonly program: string
  readonly signal: AbortSignal
  readonly onEvent: (event: LinkEvent) => void
  /** Events follow from now on. */
  readonly onReady: () => void
  /** The kernel dropped events. */
  readonly onLoss: () => void
}

/** Runs `ip monitor` until it ends or `signal` aborts. Resolves with how it ended. Throws RunError if it cannot start. */
export async function runLinkMonitor(options: LinkMonitorOptions): Promise<string> {
  const { program, signal, onEvent, onReady, onLoss } = options
  const monitor = await startProgram([program, '-o', 'monitor', 'link', 'address'])
  const end = () => void monitor.kill('SIGKILL')
  if (signal.aborted) end()
  signal.addEventListener('abort', end, { once: true })
  process.once('exit', end)
  monitor.stdin.destroy()
  const lines = new LineSplitter((line) => onEvent(parseLinkEvent(line)))
  monitor.stdout.on('data', (chunk: Buffer) => lines.push(chunk))
  // `ip monitor` reports it on stderr, and continues.
  monitor.stderr.on('data', onLoss)
  const ready = hasSubscribed(monitor.pid!, signal).then(onReady)
  try {
    const [code, endedBy] = (await once(monitor, 'close')) as [number | null, NodeJS.Signals | null]
    return endedBy ?? `exit code ${code}`
  } finally {
    signal.removeEventListener('abort', end)
    process.removeListener('exit', end)
    await ready
  }
}

/**
 * Waits until the process has subscribed to the kernel's events: it receives no earlier ones. If that is not
 * visible, it continues after a second.
 */
async function hasSubscribed(pid: number, signal: AbortSignal): Promise<void> {
  // The netlink port of a process's first socket is its pid; the groups are the events that it receives.
  const subscription = new RegExp(`^\\S+\\s+0\\s+${pid}\\s+0*[1-9a-f][0-9a-f]*\\s`, 'm')
  for (let tries = 0; tries < 500 && !signal.aborted; tries += 1) {
    const sockets = await readFile(`/proc/${pid}/net/netlink`, 'utf8').catch(() => null)
    // It has ended already.
    if (sockets === null || subscription.test(sockets)) return
    await delay(2, undefined, { signal }).catch(() => undefined)
  }
}

const maxLineBytes = 64 * 1024

class LineSplitter {
  readonly #take: (line: string) => void
  #rest = ''

  constructor(take: (line: string) => void) {
    this.#take = take
  }

  push(chunk: Buffer): void {
    const lines = (this.#rest + chunk.toString('latin1')).split('\n')
    // A line of `ip` is never this long. As an unknown line it causes a full read.
    this.#rest = lines.pop()!.slice(-maxLineBytes)
    for (const line of lines) if (line !== '') this.#take(line)
  }
}
