import { type Prefix, parsePrefix } from '../../../../src/net/prefix.ts'
import { fillWords, type Vrp, type VrpSet, vrpSetOf } from '../../../../src/plan/rpki/vrp-set.ts'
import { buildTables } from '../../../../src/plan/rpki/vrp-table.ts'

export function prefix(text: string): Prefix {
  const parsed = parsePrefix(text)
  if (!parsed.ok) throw new Error(`${text} ${parsed.problem}`)
  return parsed.value
}

/** `192.0.2.0/24-25 64500`; without a maxLength it is the prefix's own. */
export function vrp(text: string): Vrp {
  const match = /^(\S+\/\d+)(?:-(\d+))? (\d+)$/.exec(text)!
  const parsed = prefix(match[1]!)
  return { prefix: parsed, maxLength: Number(match[2] ?? parsed.length), asn: Number(match[3]) }
}

export function show({ prefix, maxLength, asn }: Vrp): string {
  return `${prefix}-${maxLength} ${asn}`
}

export function createVrpSet(vrps: Iterable<Vrp>): VrpSet {
  return vrpSetOf(
    buildTables((rows) => {
      const words = new Uint32Array(4)
      for (const { prefix, maxLength, asn } of vrps) {
        fillWords(words, prefix)
        rows[prefix.family].add(words, prefix.length, maxLength, asn)
      }
    }),
  )
}
