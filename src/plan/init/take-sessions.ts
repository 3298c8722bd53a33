import type { NeighborKind } from '../../manifest/words.ts'
import { type FoundRouter, inOrder, type Left } from '../takeover/router.ts'
import type { Answers } from './answers.ts'
import { dropInvalid } from './check.ts'
import { describeSession, listCandidates, proposeKind } from './sessions.ts'

/** The answers with the sessions of a configuration; `kinds`: those that it does not say, by the session's name. */
export function takeSessions(
  answers: Answers,
  found: FoundRouter,
  kinds: ReadonlyMap<string, NeighborKind>,
): { readonly answers: Answers; readonly left: readonly Left[] } {
  const described = listCandidates(found, Number(answers.asn)).map((candidate) => {
    const kind = kinds.get(candidate.name) ?? candidate.kind
    return describeSession(candidate, kind ?? proposeKind(candidate), kind === null, answers.daemon)
  })
  const neighbors = [...answers.neighbors, ...described.map(({ neighbor }) => neighbor)]
  const dropped = dropInvalid({ ...answers, neighbors })
  const kept = new Set(dropped.answers.neighbors.map(({ values }) => values.name))
  // What is to be checked in a session that is left out is no news.
  const notes = described.flatMap(({ neighbor, left }) => (kept.has(neighbor.values.name) ? left : []))
  return { answers: dropped.answers, left: inOrder([...found.left, ...notes, ...dropped.left]) }
}
