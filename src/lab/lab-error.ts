/** A program of the lab failed, or passed its time limit. The message names the program; there is nothing to debug. */
export class LabError extends Error {
  override readonly name = 'LabError'
}
