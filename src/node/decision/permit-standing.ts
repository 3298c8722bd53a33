/** How far a node is with the permit to withdraw one service. */
export type PermitStanding =
  /** `none`: not asked for yet. `asking`: the store has not answered the first request. */
  | { readonly standing: 'none' | 'asking' | 'granted' }
  /** Sites that are well, and how many have to be. It stands until a later request is answered. */
  | { readonly standing: 'refused'; readonly remaining: number; readonly required: number }
  /** The store has not answered in time: the node decides alone. */
  | { readonly standing: 'unreachable' }
