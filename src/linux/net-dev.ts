/** Bytes that went through an interface since it was created. */
export interface InterfaceBytes {
  readonly received: number
  readonly sent: number
}

/** Reads the text of /proc/net/dev, by the name of the interface. */
export function parseNetDev(text: string): Map<string, InterfaceBytes> {
  const found = new Map<string, InterfaceBytes>()
  for (const line of text.split('\n')) {
    const [, name, numbers] = /^\s*(\S+?):\s*(\d.*)$/.exec(line) ?? []
    if (name === undefined || numbers === undefined) continue
    const values = numbers.trim().split(/\s+/).map(Number)
    found.set(name, { received: values[0]!, sent: values[8]! })
  }
  return found
}
