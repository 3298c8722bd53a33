import { cp, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { noFeeds } from '../../../src/plan/compile/feeds.ts'
import { describeWorld } from '../../../src/plan/compile/world.ts'
import { type PlanReport, planFleet } from '../../../src/plan/service/plan-fleet.ts'
import { requireFleet } from '../../../src/plan/sites/load.ts'

let dir: string
let out: string

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'anyward-test-'))
  out = join(dir, 'out')
  await cp(join(import.meta.dirname, '../../../sites'), join(dir, 'sites'), { recursive: true })
})
afterEach(() => rm(dir, { recursive: true, force: true }))

async function plan(refuseBelow: number | null = null) {
  const fleet = await requireFleet(join(dir, 'sites'))
  return planFleet({ fleet, feeds: noFeeds, out, check: false, refuseBelow })
}

test('a plan writes the targets for Prometheus, and leaves a file as it is that has them', async () => {
  const path = join(out, 'prometheus-targets.json')
  await reportOf()
  const first = await stat(path)
  expect(JSON.parse(await readFile(path, 'utf8'))).toHaveLength(3)
  await reportOf()
  expect((await stat(path)).mtimeMs).toBe(first.mtimeMs)
})

async function reportOf(): Promise<PlanReport> {
  const result = await plan()
  if (result.outcome !== 'written') throw new Error(result.outcome)
  return result.report
}

async function edit(file: string, from: string | RegExp, to: string): Promise<void> {
  const path = join(dir, 'sites', file)
  const text = await readFile(path, 'utf8')
  expect(text).toMatch(from)
  await writeFile(path, text.replace(from, to))
}

function nodeOf(report: PlanReport, name: string) {
  return report.nodes.find(({ node }) => node === name)!
}

describe('the comparison of a plan', () => {
  test('of the same YAML reports no change', async () => {
    expect((await reportOf()).nodes.map(({ change }) => change)).toEqual(['new', 'new', 'new'])
    const report = await reportOf()
    expect(report.nodes.map(({ change, effect }) => [change, effect])).toEqual([
      ['same', 'none'],
      ['same', 'none'],
      ['same', 'none'],
    ])
    expect(describeWorld(report.nodes)).toEqual([])
  })

  test('reports a changed description as without effect', async () => {
    await reportOf()
    await edit('fra1.yaml', 'kind: transit', 'kind: transit\n        description: our first')
    const node = nodeOf(await reportOf(), 'fra1-a')
    expect(node).toMatchObject({ change: 'changed', effect: 'none' })
    expect(node.sessions).toMatchObject([{ neighbor: 'fra1-transit', effect: 'none' }])
  })

  test('names the session that restarts, and the reason', async () => {
    await reportOf()
    await edit('fra1.yaml', 'kind: transit', 'kind: transit\n        gtsm: true')
    const node = nodeOf(await reportOf(), 'fra1-a')
    expect(node.effect).toBe('session-restart')
    expect(node.sessions).toMatchObject([
      { neighbor: 'fra1-transit', effect: 'session-restart', why: ['GTSM is turned on'] },
    ])
  })

  test.each([
    ['fra1', 'session-restart', ''],
    ['nyc1', 'none', ' (when the session next comes up)'],
  ])('reports the cost of other timers at %s', async (site, effect, when) => {
    await reportOf()
    await edit(`${site}.yaml`, 'kind: transit', 'kind: transit\n        timers: { hold: 30s }')
    const node = nodeOf(await reportOf(), `${site}-a`)
    expect(node.effect).toBe(effect)
    expect(node.sessions).toMatchObject([
      { effect, why: [`the hold time and keepalive is 30 s, 10 s, was 90 s, 30 s${when}`] },
    ])
  })

  test('names the rule that no longer applies, as a reload', async () => {
    await reportOf()
    await edit('fra1.yaml', 'kind: transit', 'kind: transit\n        relax: [path-length]')
    const report = await reportOf()
    expect(nodeOf(report, 'fra1-a').effect).toBe('reload')
    expect(describeWorld(report.nodes)).toEqual([
      'the import rule path-length no longer applies to fra1-transit at fra1',
    ])
  })

  test('names the neighbors that lose a prefix, and the prefixes that lose all neighbors', async () => {
    await reportOf()
    await edit('ams1.yaml', 'services: [vpn]', 'services: []')
    expect(describeWorld((await reportOf()).nodes).slice(0, 3)).toEqual([
      'ams1 will no longer announce 192.0.2.0/24 to any neighbor',
      'ams1 will no longer announce 2001:db8:51::/48 to any neighbor',
      'ams1 stops announcing 192.0.2.0/24 to ams1-transit and ams1-peer',
    ])
  })

  test('says what the first, other and no keys of the planner mean: no session restarts', async () => {
    await reportOf()
    const line = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAPAORbqbNMyUXh8a1vs2ZOZxfkKvxNT/FI2EeNiknnD'
    const keys = `planner: { keys: [${line}] }\nrpki:`
    for (const [from, to, why] of [
      ['rpki:', keys, 'from now on it accepts only bundles that a key of planner.keys has signed'],
      [line, `${line} noc`, 'the keys that may sign the next bundle change'],
      [
        keys.replace(line, `${line} noc`),
        'rpki:',
        'from then on it accepts unsigned bundles: planner.keys is removed',
      ],
    ] as const) {
      await edit('fleet.yaml', from, to)
      expect(nodeOf(await reportOf(), 'fra1-a')).toMatchObject({
        ...{ change: 'changed', effect: 'reload', sessions: [] },
        why: [why],
      })
    }
  })

  test('reports another store as a change of the controller alone: no session restarts', async () => {
    await reportOf()
    const files = 'caFile: /s/ca.crt, certFile: /s/client.crt, keyFile: /s/client.key'
    await edit('fleet.yaml', 'rpki:', `store: { endpoints: [192.0.2.9:2379], ${files} }\nrpki:`)
    expect(nodeOf(await reportOf(), 'fra1-a')).toMatchObject({
      ...{ change: 'changed', effect: 'reload', sessions: [] },
      why: ['the controller’s settings change: restart it with the new bundle'],
    })
  })

  test('reports a change that it cannot classify as a restart', async () => {
    await reportOf()
    const manifest = join(out, 'fra1/fra1-a/manifest.json')
    const hash = JSON.parse(await readFile(manifest, 'utf8')).files['bird.conf']
    const config = join(out, 'fra1/fra1-a/bird.conf')
    const text = `${await readFile(config, 'utf8')}# as an older template had it\n`
    await writeFile(config, text)
    const { hashOf } = await import('../../../src/files/hash.ts')
    await writeFile(manifest, (await readFile(manifest, 'utf8')).replace(hash, hashOf(text)))
    expect(nodeOf(await reportOf(), 'fra1-a').effect).toBe('session-restart')
  })

  test('keeps the bundle of a node that was removed, and names it', async () => {
    await reportOf()
    await rm(join(dir, 'sites/nyc1.yaml'))
    const report = await reportOf()
    expect(report.removed).toEqual([{ site: 'nyc1', node: 'nyc1-a', dir: join(out, 'nyc1/nyc1-a') }])
    expect(await readdir(join(out, 'nyc1/nyc1-a'))).toContain('manifest.json')
  })

  test('refuses a plan that leaves a service at too few sites, and writes nothing', async () => {
    await edit('ams1.yaml', 'services: [vpn]', 'services: []')
    const result = await plan(3)
    expect(result).toMatchObject({
      outcome: 'refused',
      short: [{ service: 'vpn', sites: ['fra1', 'nyc1'], missing: [{ site: 'ams1', reason: 'not-served' }] }],
    })
    await expect(readdir(out)).rejects.toThrow('ENOENT')
  })

  test('names the extra configuration that is added, changes, moves and is removed, as a reload', async () => {
    await reportOf()
    const plain = 'daemon: bird\n'
    const extra = (entry: string) => `daemon: bird\n    extra: [${entry}]\n`
    const more = join(dir, 'sites', 'more.conf')
    const whyOf = async () => {
      const { effect, why } = nodeOf(await reportOf(), 'ams1-a')
      return [effect, ...why]
    }
    await writeFile(more, 'debug protocols all;\n')
    await edit('ams1.yaml', plain, extra('{ file: more.conf }'))
    expect(await whyOf()).toEqual(['reload', 'the extra configuration more.conf is added'])
    expect(await readFile(join(out, 'ams1/ams1-a/bird.conf'), 'utf8')).toContain('\ndebug protocols all;\n')
    await writeFile(more, 'debug protocols { states };\n')
    expect(await whyOf()).toEqual(['reload', 'the extra configuration more.conf changes'])
    await edit('ams1.yaml', '{ file: more.conf }', '{ file: more.conf, at: top }')
    expect(await whyOf()).toEqual(['reload', 'the extra configuration more.conf moves to the top'])
    await edit('ams1.yaml', extra('{ file: more.conf, at: top }'), plain)
    expect(await whyOf()).toEqual(['reload', 'the extra configuration more.conf is removed'])
  })

  describe('of an attached node', () => {
    const attach = async () => {
      await edit('ams1.yaml', 'daemon: bird', 'daemon: bird\n    routing: attached')
      // Its own configuration has these.
      await edit('ams1.yaml', /^ +(bfd|gtsm|limit): .*\n?/gm, '')
    }

    test('reports a change of its routing as such, and new filters as a reload', async () => {
      await reportOf()
      await attach()
      const node = nodeOf(await reportOf(), 'ams1-a')
      expect(node).toMatchObject({ change: 'changed', effect: 'reload' })
      expect(node.why).toContain('routing is attached, was managed')
    })

    test('never restarts a session: that of another AS is configured elsewhere', async () => {
      await attach()
      await reportOf()
      await edit('ams1.yaml', 'asn: 64602', 'asn: 64609')
      const node = nodeOf(await reportOf(), 'ams1-a')
      expect(node.effect).toBe('reload')
      expect(node.sessions.map(({ effect }) => effect)).not.toContain('session-restart')
      expect(node.sessions.length).toBeGreaterThan(0)
    })

    test('reports a node that becomes managed as a restart', async () => {
      await attach()
      await reportOf()
      await edit('ams1.yaml', '\n    routing: attached', '')
      expect(nodeOf(await reportOf(), 'ams1-a').effect).toBe('session-restart')
    })
  })
})
