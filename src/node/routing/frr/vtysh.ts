import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { DaemonError } from '../daemon.ts'
import { killStalled } from './stall.ts'

/** Printed for an accepted line, even without a session that it concerns. */
const adviceAboutGracefulRestart = 'Graceful restart configuration changed, reset '

/**
 * vtysh of FRR 10 says what it sends to each daemon, for example `[52|bgpd] sending configuration`, and each repeats the
 * errors.
 */
const progress =
  /^(?:\[\d+\|\w+\] (?:sending configuration|done|Configuration file\[.*\] processing failure: \d+)|Waiting for children to finish applying config\.\.\.)$/

/** vtysh itself waits for ever for a daemon that hangs. It may need minutes for a long configuration on a busy machine. */
const stallMs = 20_000

/** All of FRR's daemons on this machine, through their sockets in one folder. */
export class Vtysh {
  readonly #socketDir: string
  readonly #stallMs: number

  /** @param limitMs how long vtysh may wait for one answer of a daemon */
  constructor(socketDir: string, limitMs = stallMs) {
    this.#socketDir = socketDir
    this.#stallMs = limitMs
  }

  /** The running configuration of all daemons, passwords included. Throws DaemonError. */
  async readRunning(): Promise<string> {
    const { text, ok } = await this.#run(['-c', 'show running-config'])
    // vtysh exits with 0 even if it reached no daemon; only a complete answer ends with this line.
    if (!ok || !text.trimEnd().endsWith('end')) {
      throw new DaemonError(
        'not-running',
        `FRR's daemons in ${this.#socketDir} did not print their configuration`,
        {
          reply: text.slice(0, 500),
        },
      )
    }
    return text
  }

  /** The answer to one command of the enable mode. Throws DaemonError. */
  async show(command: string): Promise<string> {
    return (await this.#run(['-c', command])).text
  }

  /**
   * Executes each line in configuration mode, in the daemons that it concerns. A refused line does not stop the
   * later ones. Returns the errors as `line N: words`. Throws DaemonError.
   */
  async configure(commands: readonly string[]): Promise<string[]> {
    const dir = await mkdtemp(join(tmpdir(), 'anyward-vtysh-'))
    try {
      // In a file with mode 0600: passwords must not be visible in the list of processes.
      const file = join(dir, 'lines')
      await writeFile(file, `${commands.join('\n')}\n`, { mode: 0o600 })
      const { text } = await this.#run(['-f', file])
      const lines = text
        .split('\n')
        .map((line) => line.trim())
        .filter((line) => line !== '' && !line.startsWith(adviceAboutGracefulRestart) && !progress.test(line))
      return [...new Set(lines)]
    } finally {
      await rm(dir, { recursive: true, force: true })
    }
  }

  async #run(args: readonly string[]): Promise<{ text: string; ok: boolean }> {
    const dir = await mkdtemp(join(tmpdir(), 'anyward-vtysh-'))
    try {
      // Ignore the machine's own vtysh.conf, which may set a pager.
      await writeFile(join(dir, 'vtysh.conf'), '')
      const argv = ['--vty_socket', this.#socketDir, '--config_dir', dir, ...args]
      const running = execa('vtysh', argv, {
        reject: false,
        all: true,
        stdin: 'ignore',
        maxBuffer: 64 * 1024 * 1024,
        env: { VTYSH_PAGER: 'cat' },
      })
      const watch = killStalled(running, this.#stallMs)
      const result = await running
      watch.end()
      if (watch.hasKilled) {
        const seconds = this.#stallMs / 1000
        throw new DaemonError(
          'timeout',
          `vtysh had no answer for ${seconds} s: a daemon of FRR hangs, or this machine is busy`,
        )
      }
      if (result.code === 'ENOENT') {
        throw new DaemonError('not-running', 'vtysh (package frr) is not installed')
      }
      return { text: result.all ?? '', ok: result.exitCode === 0 }
    } finally {
      await rm(dir, { recursive: true, force: true })
    }
  }
}
