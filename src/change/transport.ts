import type { Manifest } from '../manifest/manifest.ts'
import type { Seen } from './view.ts'

/** A node, and how it is reached. */
export interface Target {
  readonly node: string
  /** For ssh. */
  readonly host: string
}

/** The bundle that a node has installed. */
export interface Installed {
  readonly manifest: Manifest
  readonly digest: string
  /** Each of its files by name: the manifest, those that it lists, and the signature if there is one. */
  readonly files: ReadonlyMap<string, string>
}

export interface Change {
  readonly digest: string
  /** The folder with this bundle on this machine. */
  readonly dir: string
  /** The bundle's own manifest. */
  readonly manifest: Manifest
  /** Whether the node is drained for the change; `must`: without that, it is not changed. */
  readonly drain: 'no' | 'try' | 'must'
  /** Identifies the drain as one of this rollout. */
  readonly rollout: string
  readonly onStep: (step: string) => void
}

export type ChangeResult =
  | { readonly outcome: 'changed'; readonly detail: string }
  /** The node did not take the bundle, or its state is not known. */
  | { readonly outcome: 'failed'; readonly detail: string }

/**
 * How nodes are reached. A change is idempotent: it is repeated after a crash of the engine, also where an earlier one
 * still runs on the node, and ends with the node running the whole bundle or the one from before.
 */
export interface RolloutTransport {
  /** The whole bundle, with the hashes of its manifest; `null`: the node has none. Throws TransportError. */
  inspect(target: Target): Promise<Installed | null>
  /** Never rejects. */
  change(target: Target, change: Change): Promise<ChangeResult>
  /** Never rejects. */
  observe(target: Target): Promise<Seen>
}

/** A node does not do what it is asked; the message and the cure are for the operator. */
export class TransportError extends Error {
  override readonly name = 'TransportError'
  readonly cure: string | null

  constructor(message: string, { cure = null, ...options }: ErrorOptions & { cure?: string | null } = {}) {
    super(message, options)
    this.cure = cure
  }
}
