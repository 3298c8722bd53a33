import type { ProofNeighbor } from '../fleet/neighbors.ts'
import { addAttributes } from './attributes.ts'
import { addOrigins } from './origins.ts'
import { addPaths } from './paths.ts'
import { addPrefixes } from './prefixes.ts'
import { makeRoutes, type ProofRoute } from './route.ts'

/** All routes that a neighbor injects, most of them hostile: each with a meaning and a prefix of its own. */
export function routesOf(neighbor: ProofNeighbor): readonly ProofRoute[] {
  const maker = makeRoutes(neighbor)
  addOrigins(maker)
  addPrefixes(maker)
  addAttributes(maker)
  addPaths(maker)
  return maker.routes
}
