import { execFile } from 'node:child_process'

/** Runs iproute2's `ip` in this network namespace and resolves with what it printed. Rejects where it fails. */
export type RunIp = (args: readonly string[]) => Promise<string>

const deadlineMs = 2000

/**
 * Not by execa: the guard carries this for months beside other programs, and loads nothing at the moment it is
 * needed, when its files may be gone.
 */
export const runIp: RunIp = (args) =>
  new Promise((resolve, reject) => {
    execFile(
      'ip',
      [...args],
      { timeout: deadlineMs, killSignal: 'SIGKILL', maxBuffer: 16 * 1024 * 1024 },
      (error, stdout, stderr) => {
        if (error === null) resolve(stdout)
        else if (error.killed === true) {
          reject(new Error(`ip ${args.join(' ')}: no answer in ${deadlineMs} ms`, { cause: error }))
        } else {
          const words = stderr.trim() === '' ? error.message : stderr.trim()
          reject(new Error(`ip ${args.join(' ')}: ${words}`, { cause: error }))
        }
      },
    )
  })
