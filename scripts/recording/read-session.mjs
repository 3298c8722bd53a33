import { StringDecoder } from 'node:string_decoder'

/** The session that util-linux's `script` has logged (--logging-format advanced): `{ atMs, text }` of each output. */
export function readSession(log, timing) {
  // The first line of the log is a header, which the timing does not count.
  let at = log.indexOf('\n') + 1
  let ms = 0
  const decoder = new StringDecoder('utf8')
  const outputs = []
  for (const line of timing.split('\n')) {
    const [kind, seconds, bytes] = line.split(' ')
    if (kind === 'H' || seconds === undefined) continue
    ms += Number(seconds) * 1000
    if (kind !== 'O') continue
    outputs.push({ atMs: ms, text: decoder.write(log.subarray(at, at + Number(bytes))) })
    at += Number(bytes)
  }
  return outputs
}
