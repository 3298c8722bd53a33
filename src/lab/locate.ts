import { readNetNamespace } from '../linux/proc.ts'
import { enter, namespaceInode } from './machine/namespaces.ts'
import { type NodeState, readState } from './state.ts'

/** The lab's node of that name or, without one, the node whose network namespace we run in. */
export async function findLabNode(name?: string): Promise<NodeState | null> {
  const nodes = (await readState())?.nodes ?? []
  if (name !== undefined) return nodes.find((node) => node.name === name) ?? null
  if (nodes.length === 0) return null
  const ours = await readNetNamespace('self')
  for (const node of nodes) {
    if ((await namespaceInode(node.namespace)) === ours) return node
  }
  return null
}

/** The nodes of the lab that is up; none if there is no lab. */
export async function listLabNodes(): Promise<string[]> {
  return ((await readState())?.nodes ?? []).map((node) => node.name)
}

/** The command that becomes this program in the network namespace of that node, which is in the lab. */
export async function commandIn(node: string, argv: readonly string[]): Promise<[string, ...string[]]> {
  return enter((await findLabNode(node))!.namespace, argv)
}
