/** The lab does not support something in the fleet. */
export class TopologyError extends Error {
  override readonly name = 'TopologyError'
}
