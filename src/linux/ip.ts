import { run } from './run.ts'

/** Runs iproute2's `ip` in this network namespace and resolves with its output. Rejects if it fails. */
export type RunIp = (args: readonly string[]) => Promise<string>

const timeoutMs = 2000

export const runIp: RunIp = (args) => run(['ip', ...args], { timeoutMs })
