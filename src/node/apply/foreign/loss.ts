import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { daemonNames } from '../../../manifest/daemon-kinds.ts'
import type { Manifest } from '../../../manifest/manifest.ts'
import { ownPrefixesOf } from '../../routing/own-prefixes.ts'
import { readConfig } from '../files.ts'
import { watching } from '../watching.ts'
import { findEdits } from './edited.ts'
import { findForeign } from './find-foreign.ts'
import { type Foreign, formatForeign } from './foreign.ts'

interface LossOptions {
  /** Of the bundle to install. */
  readonly manifest: Manifest
  /** Of the installed bundle; `null`: none. */
  readonly installed: Manifest | null
  /** The new configuration with its secrets. */
  readonly content: string
}

/** What an apply would remove although no bundle has written it. */
export interface Loss {
  readonly reason: 'foreign' | 'edited'
  readonly foreign: readonly Foreign[]
  /** The changes of the file since it was installed; `null`: none, or no bundle was installed. */
  readonly difference: string | null
}

/** `null`: nothing is lost; on an attached node nothing can be. Changes nothing. Throws DaemonError. */
export async function findLoss(options: LossOptions): Promise<Loss | null> {
  const { manifest, content } = options
  const { daemonSocket, announceFile, configFile } = manifest.paths
  if (manifest.routing === 'attached' || configFile === undefined) return null
  const { content: old } = await readConfig(configFile)
  const own = ownPrefixesOf(watching(manifest, options.installed))
  const installed = options.installed === null ? null : await readInstalledConfig(options.installed)
  const isEdited = installed !== null && old !== null && old !== content
  const difference = isEdited ? await findEdits[manifest.daemon]({ configFile, installed, old, own }) : null
  const foreign = await findForeign[manifest.daemon]({
    daemonSocket,
    configFile,
    announceFile,
    content,
    installed,
    old,
    own,
  })
  if (difference !== null) return { reason: 'edited', foreign, difference }
  return foreign.length === 0 ? null : { reason: 'foreign', foreign, difference }
}

/** Sentences for the operator: what is lost, and what to do. */
export function describeLoss(
  { reason, foreign, difference }: Loss,
  manifest: Manifest,
): { detail: string; cure: string } {
  const { configFile } = manifest.paths
  const lines = [...foreign.map((item) => formatForeign(item)), ...(difference?.split('\n') ?? [])]
  const head =
    reason === 'edited'
      ? `${configFile} was changed since the last apply. This apply would undo:`
      : `${manifest.node} has routing that is in no bundle. This apply would remove or replace:`
  const keep =
    reason === 'edited'
      ? 'To keep the change, make it in the YAML.'
      : 'To keep this routing, set `routing: attached` for the node in the YAML.'
  return {
    detail: [head, ...lines.map((line) => `  ${line}`)].join('\n'),
    cure: `nothing was changed. ${keep} To go on, use \`--replace\`: it keeps a copy of ${configFile} with its date beside it`,
  }
}

async function readInstalledConfig({ daemon, paths }: Manifest): Promise<string | null> {
  const { bundleDir } = paths
  if (bundleDir === undefined) return null
  return readFile(join(bundleDir, daemonNames[daemon].configFile), 'utf8').catch(() => null)
}
