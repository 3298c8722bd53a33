import { run } from './run.ts'

/** Long enough for a node that swaps; a change of a few rules takes 5 ms. */
const timeoutMs = 5000

/** Carries out a script of nft(8) in this network namespace: all of it or, after an error, nothing. Throws RunError. */
export async function applyNft(script: string): Promise<void> {
  await run(['nft', '-f', '-'], { timeoutMs, input: script })
}

/** Whether nft and the kernel accept a script, which is not carried out. Throws RunError. */
export async function checkNft(script: string): Promise<void> {
  await run(['nft', '--check', '-f', '-'], { timeoutMs, input: script })
}
