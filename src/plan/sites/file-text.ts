/** A file of the fleet's folder, by its path as shown in messages; with a `problem` if it cannot be read. */
export type FleetFileText =
  | { readonly name: string; readonly text: string }
  | { readonly name: string; readonly problem: string; readonly hint: string | null }
