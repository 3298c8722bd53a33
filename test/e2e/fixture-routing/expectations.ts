import { expect } from 'vitest'
import { DaemonError } from '../../../src/node/routing/daemon.ts'
import { neighbors, told } from './configs.ts'
import type { Pair } from './pair.ts'
import { untilEqual } from './until.ts'

/** Until every neighbor has in its own table what its kind is told of `desired`, and nothing else of ours. */
export async function untilAnnounced(
  pair: Pair,
  desired: ReadonlySet<string>,
  withinMs?: number,
): Promise<void> {
  for (const { name } of neighbors) {
    await untilEqual(`what ${name} has`, told(name, desired), () => pair.received(name), withinMs)
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
