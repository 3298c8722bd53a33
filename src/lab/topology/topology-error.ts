/** What a fleet asks of the lab that it can not do. */
export class TopologyError extends Error {
  override readonly name = 'TopologyError'
}
