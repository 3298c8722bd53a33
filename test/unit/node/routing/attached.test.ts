import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { ManifestNeighbor } from '../../../../src/manifest/manifest.ts'
import { findInclude, readsFile } from '../../../../src/node/routing/bird/includes.ts'
import { BirdReplyReader } from '../../../../src/node/routing/bird/reply.ts'
import { findProtocol, quoteProtocol, readProtocols } from '../../../../src/node/routing/bird/sessions.ts'
import { readNetworks, readValidity } from '../../../../src/node/routing/frr/answers.ts'

/** As BIRD 2.0.12 prints them. */
const protocols = readProtocols(
  new BirdReplyReader().read(
    Buffer.from(
      `2002-Name       Proto      Table      State  Since         Info
1002-anyward4   Static     master4    up     19:12:30.559
1006-  Channel ipv4
     State:          UP

1002-transit-a  BGP        ---        up     19:12:31.429  Established
1006-  BGP state:          Established
     Neighbor address: 10.1.1.1
     Neighbor AS:      64601
   Channel ipv4
     State:          UP

1002-old        BGP        ---        down   19:12:30.559
1006-  BGP state:          Down
     Neighbor address: 10.1.1.1
   Channel ipv4
     State:          DOWN

1002-dyn        BGP        ---        start  19:12:30.559  Passive
1006-  BGP state:          Passive
     Neighbor range:   10.9.0.0/24

1002-v6         BGP        ---        start  19:12:30.559  Active
1006-  BGP state:          Active
     Neighbor address: 2001:DB8:0::1
   Channel ipv6
     State:          DOWN

0000 
`.replaceAll('\n\n', '\n \n'),
    ),
  )!,
)

function neighbor(protocol: string | null, address: string, family: 'ipv4' | 'ipv6' = 'ipv4') {
  return { protocol, address, family } as ManifestNeighbor
}

describe('the session of an attached node on BIRD', () => {
  test.each([
    ['by its address, of two the one that is up', neighbor(null, '10.1.1.1'), 'transit-a'],
    ['by its address in canonical form', neighbor(null, '2001:db8::1', 'ipv6'), 'v6'],
    ['by its name, whatever its address', neighbor('old', '10.1.1.99'), 'old'],
    ['not by an address that only a range contains', neighbor(null, '10.9.0.1'), null],
    ['not by a name that is gone', neighbor('transit', '10.1.1.1'), null],
  ])('is found %s', (_name, wanted, found) => {
    expect(findProtocol(wanted, protocols)).toBe(found)
  })

  test('is quoted in commands where BIRD needs it', () => {
    expect(['transit_a', 'transit-a', '4you'].map(quoteProtocol)).toEqual([
      'transit_a',
      "'transit-a'",
      "'4you'",
    ])
  })
})

describe('whether a configuration of BIRD reads a file', () => {
  let dir: string
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'anyward-test-'))
    await mkdir(join(dir, 'more'))
  })
  afterEach(() => rm(dir, { recursive: true, force: true }))
  const reads = async (text: string) => {
    await writeFile(join(dir, 'bird.conf'), text)
    return readsFile(join(dir, 'bird.conf'), '/run/anyward/announce.conf')
  }

  test.each([
    ['by its name', 'include "/run/anyward/announce.conf";', true],
    ['by the glob of one file', '  include "/run/anyward/announce.con[f]" ;', true],
    ['by a star', 'include "/run/anyward/*.conf";', true],
    ['not by a star of another folder', 'include "/run/*/announce.txt"; include "/run/*.conf";', false],
    ['not in a comment', '# include "/run/anyward/announce.conf";', false],
    ['not in a comment of several lines', '/*\ninclude "/run/anyward/announce.conf";\n*/', false],
    ['not at all', 'protocol device {}', false],
  ])('%s', async (_name, text, expected) => {
    expect(await reads(text)).toBe(expected)
  })

  test('through a file that it includes, relative to its own folder', async () => {
    await writeFile(
      join(dir, 'more', 'a.conf'),
      'include "../../../run/anyward/announce.conf";\ninclude "b.conf";',
    )
    await writeFile(join(dir, 'more', 'b.conf'), 'include "/run/anyward/announce.conf";')
    expect(await reads('include "more/a.conf";')).toBe(true)
  })

  test.each([
    ['first in a block', 'protocol static {\ninclude "more/a.conf";\n}\ninclude "more/a.conf";'],
    ['first outside of it', 'include "more/a.conf";\nprotocol static {\ninclude "more/a.conf";\n}'],
    ['itself outside of it', 'include "/run/anyward/*";\nprotocol static {\ninclude "more/a.conf";\n}'],
  ])('a file that is included in a block and outside of it counts as in a block: %s', async (_name, text) => {
    await writeFile(join(dir, 'more', 'a.conf'), 'include "/run/anyward/announce.con[f]";')
    await reads(text)
    const found = await findInclude(join(dir, 'bird.conf'), '/run/anyward/announce.conf')
    expect(found).toMatchObject({ file: join(dir, 'more', 'a.conf'), inBlock: true })
  })

  test('of two lines the one counts that BIRD refuses while the file is missing', async () => {
    await reads('include "/run/anyward[/]*.conf";\ninclude "/run/anyward/announce.conf";')
    const found = await findInclude(join(dir, 'bird.conf'), '/run/anyward/announce.conf')
    expect(found).toMatchObject({ mayBeMissing: false })
  })

  test('also where many files include each other, each of which is read once', async () => {
    const names = Array.from({ length: 10 }, (_, index) => `${index}.conf`)
    const all = names.map((name) => `include "${name}";`).join('\n')
    for (const name of names) await writeFile(join(dir, 'more', name), all)
    expect(await reads('include "more/*.conf";')).toBe(false)
    await writeFile(join(dir, 'more', '9.conf'), `${all}\ninclude "/run/anyward/announce.conf";`)
    expect(await reads('include "more/0.conf";')).toBe(true)
  })

  test('is not known where the configuration cannot be read, and a loop ends', async () => {
    expect(await readsFile(join(dir, 'none.conf'), '/run/anyward/announce.conf')).toBeNull()
    expect(await reads('include "bird.conf";')).toBe(false)
    await chmod(dir, 0o755)
  })
})

describe('what bgpd of an attached node answers', () => {
  test('a path without a route to its prefix is not valid', () => {
    expect(readValidity('{"paths":[{"valid":false},{"valid":true}]}')).toBe(true)
    expect(readValidity('{"paths":[{"valid":false}]}')).toBe(false)
    expect(readValidity('{}')).toBeNull()
  })

  test('the route-map of degraded announcements is there or not', () => {
    const network = 'router bgp 64500\n  network 192.0.2.0/24 route-map aw-degraded\n'
    expect(readNetworks(network, 64500).definesDegraded).toBe(false)
    expect(readNetworks(`${network}route-map aw-degraded permit 10\n`, 64500).definesDegraded).toBe(true)
  })
})
