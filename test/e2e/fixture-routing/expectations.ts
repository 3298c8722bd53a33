import { expect } from 'vitest'
import { DaemonError } from '../../../src/node/routing/daemon.ts'
import { advertisedTo, neighbors } from './configs.ts'
import type { Pair } from './pair.ts'
import { untilEqual } from './until.ts'

/** Waits until the table of every neighbor has exactly the prefixes of `desired` that are advertised to its kind. */
export async function untilAnnounced(
  pair: Pair,
  desired: ReadonlySet<string>,
  withinMs?: number,
): Promise<void> {
  for (const { name } of neighbors) {
    await untilEqual(`what ${name} has`, advertisedTo(name, desired), () => pair.received(name), withinMs)
  }
}

export async function failureOf(call: Promise<unknown>): Promise<DaemonError> {
  const error = await call.then(
    () => null,
    (thrown: unknown) => thrown,
  )
  expect(error).toBeInstanceOf(DaemonError)
  return error as DaemonError
}
