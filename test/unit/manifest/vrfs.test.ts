import { expect, test } from 'vitest'
import type { Manifest } from '../../../src/manifest/manifest.ts'
import { announcingVrfs } from '../../../src/manifest/vrfs.ts'

test.each([
  ['managed', [undefined], ['']],
  ['managed', ['red'], ['', 'red']],
  ['managed', [], ['']],
  ['attached', [undefined], ['']],
  ['attached', [undefined, 'red', 'blue', 'red'], ['', 'blue', 'red']],
  // An engineer's bgpd may have no instance of the default VRF.
  ['attached', ['red'], ['red']],
  ['attached', [], ['']],
] as const)(
  'bgpd of a node that is %s, with neighbors in the VRFs %j, announces in %j',
  (routing, vrfs, expected) => {
    const neighbors = vrfs.map((vrf) => ({ vrf })) as unknown as Manifest['neighbors']
    expect(announcingVrfs({ routing, neighbors })).toEqual(expected)
  },
)
