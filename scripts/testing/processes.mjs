import { spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'

const GRACE_MS = 10_000

/**
 * Runs processes that all end together: at the time limit, or at an interruption.
 *
 * @param {{ limitMs: number, env: NodeJS.ProcessEnv }} options
 */
export function createProcesses({ limitMs, env }) {
  const living = new Set()
  /** @type {string | null} */
  let interruption = null

  const signalAll = (signal) => {
    for (const child of living) {
      try {
        process.kill(-child.pid, signal)
      } catch {
        // The group has just ended by itself.
      }
    }
  }
  const endAll = (why, signal) => {
    interruption ??= why
    signalAll(signal)
    setTimeout(() => signalAll('SIGKILL'), GRACE_MS).unref()
  }
  const minutes = limitMs / 60_000
  const limit = setTimeout(() => endAll(`the time limit of ${minutes} minutes`, 'SIGTERM'), limitMs)
  limit.unref()
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => endAll(signal, signal))

  return {
    /** What ended all, in words, or null. */
    interruption: () => interruption,
    /**
     * Resolves with how the process ended, in words, or null after exit code 0.
     *
     * @param {string[]} argv
     * @param {string} [log] a file for its output, which otherwise goes to ours
     * @returns {Promise<string | null>}
     */
    run([file, ...options], log) {
      if (interruption !== null) return Promise.resolve(`not started: ${interruption}`)
      return new Promise((resolve) => {
        const output = log === undefined ? 'inherit' : openSync(log, 'a')
        // A process group of its own, so that a signal also reaches what npm and vitest started.
        const child = spawn(file, options, { stdio: ['ignore', output, output], env, detached: true })
        if (output !== 'inherit') closeSync(output)
        living.add(child)
        const settle = (how) => {
          living.delete(child)
          resolve(how)
        }
        child.once('error', (error) => settle(`did not start: ${error.message}`))
        child.once('exit', (code, signal) =>
          settle(code === 0 ? null : signal === null ? `exit code ${code}` : signal),
        )
      })
    },
  }
}
