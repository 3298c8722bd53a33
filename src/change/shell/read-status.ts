import { type NodeStatus, statusSchema } from '../../control/status.ts'
import type { NodeView } from '../view.ts'

/** What `anyward status --json` prints; `null`: it is no status. */
export function readStatus(text: string): NodeView | null {
  let document: unknown
  try {
    document = JSON.parse(text)
  } catch {
    return null
  }
  const status = statusSchema.safeParse(document)
  return status.success ? viewOf(status.data) : null
}

export function viewOf({ bundle, serial, services, neighbors, operator, ...status }: NodeStatus): NodeView {
  return {
    bundle,
    serial,
    services: services.map(({ name, health, decision, reason, announced }) => ({
      ...{ name, health, decision, reason, announced },
    })),
    neighbors: neighbors.map(({ name, session, bfd }) => ({ name, session, bfd: bfd?.state ?? null })),
    intent: { intent: operator.intent, reason: operator.reason },
    alarms: [
      ...(status.daemon.verified ? [] : ['the announcements are not verified at the daemon']),
      ...(status.daemon.trouble === null ? [] : [`the daemon: ${status.daemon.trouble.cause}`]),
      ...status.heldAddresses.map((address) => `${address} is removed from the node`),
      ...(status.guard === null || status.guard.holding ? [] : ['the node is not guarded']),
      ...status.daemon.savedAnnouncements.map(({ prefix }) => `${prefix} is saved in the daemon's files`),
      ...neighbors.flatMap(({ name, bfd }) =>
        bfd?.problem == null ? [] : [`BFD with ${name} does not work`],
      ),
    ],
  }
}
