import { expect, test } from 'vitest'
import { applySlurm, readSlurm } from '../../../../src/plan/rpki/slurm.ts'
import { vrpAt } from '../../../../src/plan/rpki/vrp-set.ts'
import { createVrpSet, show, vrp } from './vrps.ts'

const slurm = (prefixFilters: unknown, prefixAssertions: unknown, rest: object = {}) =>
  JSON.stringify({
    slurmVersion: 1,
    validationOutputFilters: { prefixFilters, bgpsecFilters: [] },
    locallyAddedAssertions: { prefixAssertions, bgpsecAssertions: [] },
    ...rest,
  })

test('filters remove VRPs by prefix, by AS or by both, and assertions are not filtered', () => {
  const vrps = createVrpSet(
    ['10.0.0.0/8 1', '10.1.0.0/16 2', '11.0.0.0/8 7', '11.0.0.0/8 8', '12.0.0.0/8 9', '2001:db8::/32 9'].map(
      vrp,
    ),
  )
  const read = readSlurm(
    slurm(
      [{ prefix: '10.1.0.0/16', comment: 'ours' }, { prefix: '11.0.0.0/8', asn: 7 }, { asn: 9 }],
      [
        { prefix: '10.1.0.0/16', asn: 9, maxPrefixLength: 24 },
        { prefix: '2001:db8::/32', asn: 0 },
      ],
    ),
  )
  if (!read.ok) throw new Error(read.problem)
  const { vrps: left, removed } = applySlurm(vrps, read.value)
  const rows = (['ipv4', 'ipv6'] as const).flatMap((family) =>
    Array.from({ length: left.tables[family].size }, (_, row) =>
      show(vrpAt(left.tables[family], family, row)),
    ),
  )
  expect(rows).toEqual(['10.0.0.0/8-8 1', '10.1.0.0/16-24 9', '11.0.0.0/8-8 8', '2001:db8::/32-32 0'])
  expect(removed).toBe(4)
})

test.each<[string, string, string]>([
  ['', 'is empty', 'if the file was incomplete, write to another file first, then rename it'],
  ['[]', 'has a list where a map belongs', 'RFC 8416 defines the format of SLURM files'],
  ['{"slurmVersion": 2}', 'is not of slurmVersion 1', 'only version 1 (RFC 8416) is supported'],
  [slurm([], [], { aspa: [] }), 'has "aspa", which is not in RFC 8416', 'leave it out'],
  [
    slurm([{ comment: 'all' }], []),
    'has in validationOutputFilters.prefixFilters[0] neither a prefix nor an asn',
    'add the VRPs to remove: a prefix, an asn, or both',
  ],
  [
    slurm([{ prefix: '10.0.0.1/8' }], []),
    'has in validationOutputFilters.prefixFilters[0].prefix a value that is "10.0.0.1/8", which has host bits set beyond /8',
    'write 10.0.0.0/8, or 10.0.0.1/32 for a single address',
  ],
  [
    slurm([], [{ prefix: '10.0.0.0/8', asn: 1, maxPrefixLength: 33 }]),
    'has in locallyAddedAssertions.prefixAssertions[0] a maxPrefixLength that is 33 for 10.0.0.0/8',
    'it is 8 to 32; without it, it is 8',
  ],
  [
    slurm([], [{ prefix: '10.0.0.0/8', asn: -1 }]),
    'has in locallyAddedAssertions.prefixAssertions[0].asn a number out of range',
    'an AS number is 0 to 4294967295',
  ],
  [
    slurm([], [{ prefix: '10.0.0.0/8', asn: 'AS1' }]),
    'has in locallyAddedAssertions.prefixAssertions[0].asn "AS1" where a number belongs',
    'RFC 8416 defines the format of SLURM files',
  ],
  [
    slurm([], [{ asn: 1 }]),
    'lacks locallyAddedAssertions.prefixAssertions[0].prefix',
    'it is text; RFC 8416 defines the format of SLURM files',
  ],
])('refuses %s', (json, problem, hint) => {
  expect(readSlurm(json)).toEqual({ ok: false, problem, hint })
})
