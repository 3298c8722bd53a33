/** A file of a configuration, by its path as shown in messages. */
export interface ConfigText {
  readonly file: string
  readonly text: string
}

export interface Place {
  readonly file: string
  /** From 1. */
  readonly line: number
}
