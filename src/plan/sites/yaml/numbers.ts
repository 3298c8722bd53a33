/** A number that YAML and a reader understand differently: `010`, `1.10`, `0x10`, `1e3`, or too long to be exact. */
export class OddNumber {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

/** What YAML's core schema makes of a plain scalar, except for a number that is not written as plain digits. */
export function plainScalar(value: unknown, text: string): unknown {
  if (typeof value === 'bigint') return new OddNumber(text)
  if (typeof value !== 'number') return value
  return /^(?:0|-?[1-9]\d*)$/.test(text) && Number.isSafeInteger(value) ? value : new OddNumber(text)
}
