/**
 * A program of the lab failed, or exceeded its time limit. The message names the program, so no stack trace is
 * needed.
 */
export class LabError extends Error {
  override readonly name = 'LabError'
}
