import type { Change, ChangeResult } from '../../change/transport.ts'
import type { Seen } from '../../change/view.ts'

/** What an agent does on its node. */
export interface NodeSteps {
  /** Where the node's bundle is installed. */
  readonly bundleDir: string
  /** Where the agent puts what it has fetched; only root writes there. */
  readonly fetchedDir: string
  /** Waits for an apply that runs, and reverts one that was interrupted. */
  readonly settle: () => Promise<void>
  readonly look: () => Promise<Seen>
  /** The steps of a rollout; never rejects. */
  readonly change: (change: Change) => Promise<ChangeResult>
}
