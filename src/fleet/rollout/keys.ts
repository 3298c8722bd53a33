import type { NodeName } from '../exchange/keys.ts'

/** What a rollout orders; only the planner writes these keys. */
export const targetPrefix = 'target/'
export const bundlePrefix = 'bundle/'
/** One entry for each bundle, so that the list of them can be read without their content. */
export const archivePrefix = 'archive/'
/** The lock of rollouts, and a text that changes while a command drives the rollout that has it. */
export const lockKey = 'rollout/lock'
export const engineBeatKey = 'rollout/beat'
/** How far that rollout is, or the last one was, for people. */
export const rolloutStateKey = 'rollout/state'
export const rolloutPrefix = 'rollout/'
/** What a node says; only its site writes these keys. */
export const reportPrefix = 'report/'
export const viewPrefix = 'view/'

export function targetKey({ site, node }: NodeName): string {
  return `${targetPrefix}${site}/${node}`
}

export function reportKey({ site, node }: NodeName): string {
  return `${reportPrefix}${site}/${node}`
}

export function viewKey({ site, node }: NodeName): string {
  return `${viewPrefix}${site}/${node}`
}

export function archiveKey(hash: string): string {
  return `${archivePrefix}${hash}`
}

/** Of a bundle that the planner has written. */
export function bundleFolder(hash: string): string {
  return `${bundlePrefix}${hash}/`
}

/** Of the bundle that a node has installed. */
export function installedFolder({ site, node }: NodeName): string {
  return `installed/${site}/${node}/`
}
