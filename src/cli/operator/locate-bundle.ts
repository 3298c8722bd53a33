import { existsSync } from 'node:fs'
import { readBundle } from '../../bundle/read.ts'
import { findLabNode, listLabNodes } from '../../lab/locate.ts'
import type { Manifest } from '../../manifest/manifest.ts'
import { defaultBundle } from '../commands/options.ts'
import { CommandError } from '../failure.ts'

export interface NodeOptions {
  readonly bundle?: string
  readonly node?: string
  readonly json?: true
}

/** Which node is meant: the one named, the lab node whose network namespace this is, or this machine. */
export async function requireBundle(options: NodeOptions, read = readBundle): Promise<Manifest> {
  if (options.bundle !== undefined) return read(options.bundle)
  const labNode = await findLabNode(options.node)
  if (labNode !== null) return read(labNode.bundle)
  const names = await listLabNodes()
  if (options.node !== undefined) {
    throw new CommandError(`no lab node is called ${options.node}`, {
      hint: names.length === 0 ? 'no lab is up: `anyward lab up`' : `the lab has ${names.join(', ')}`,
    })
  }
  if (!existsSync(defaultBundle)) {
    throw new CommandError(`this machine has no bundle in ${defaultBundle}`, {
      hint:
        names.length === 0
          ? "name the node's bundle with --bundle DIR"
          : `a lab is up: name one of its nodes with --node (${names.join(', ')}), or a bundle with --bundle DIR`,
    })
  }
  return read(defaultBundle)
}
