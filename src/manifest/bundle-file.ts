/** A file of a node's bundle, before it is written. */
export interface BundleFile {
  /** Its name in the folder of the bundle. */
  readonly path: string
  readonly content: string
}
