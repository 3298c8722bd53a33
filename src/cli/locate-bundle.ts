import { existsSync } from 'node:fs'
import { readBundle } from '../bundle/read.ts'
import type { Manifest } from '../manifest/manifest.ts'
import { defaultBundle } from './commands/options.ts'
import { CommandError } from './failure.ts'

export interface NodeOptions {
  readonly bundle?: string
  readonly node?: string
  readonly json?: true
}

/** The folder of a lab that is up. Stated here, so that a command on a node does not load the lab to find it absent. */
export const labFolder = '/run/anyward-lab'

/** The bundle that is named, or of the lab node that is named or whose network namespace this is; `null`: neither. */
export async function locateBundle(options: NodeOptions): Promise<string | null> {
  if (options.bundle !== undefined) return options.bundle
  const { found, names } = await findLabNode(options.node)
  if (found !== null || options.node === undefined) return found
  throw unknownNode(options.node, names)
}

/** The bundle that is named, of the lab node that is named or whose network namespace this is, or of this machine. */
export async function requireBundle(options: NodeOptions, read = readBundle): Promise<Manifest> {
  if (options.bundle !== undefined) return read(options.bundle)
  const { found, names } = await findLabNode(options.node)
  if (found !== null) return read(found)
  if (options.node !== undefined) {
    throw unknownNode(options.node, names)
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

function unknownNode(node: string, names: readonly string[]): CommandError {
  return new CommandError(`no lab node is called ${node}`, {
    hint: names.length === 0 ? 'no lab is up: `anyward lab up`' : `the lab has ${names.join(', ')}`,
  })
}

/** `found`: the bundle of the lab node. `names`: the nodes of the lab that is up. */
async function findLabNode(name: string | undefined): Promise<{ found: string | null; names: string[] }> {
  if (!existsSync(labFolder)) return { found: null, names: [] }
  const lab = await import('../lab/locate.ts')
  const node = await lab.findLabNode(name)
  return { found: node?.bundle ?? null, names: node === null ? await lab.listLabNodes() : [] }
}

/** The command that becomes this program in the network namespace of a lab node, where commands find its bundle. */
export async function commandInLabNode(
  node: string,
  argv: readonly string[],
): Promise<[string, ...string[]]> {
  const { found, names } = await findLabNode(node)
  if (found === null) throw unknownNode(node, names)
  const { commandIn } = await import('../lab/locate.ts')
  return commandIn(node, argv)
}
