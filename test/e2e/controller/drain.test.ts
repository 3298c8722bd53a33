import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { NodeStatus } from '../../../src/control/status.ts'
import { BirdClient } from '../../../src/node/routing/bird/client.ts'
import { patience } from '../../patience.ts'
import { cli, type Lab, type LabNode, labDown, labUp, until } from '../fixtures/lab/lab.ts'

let lab: Lab
let sites: string

beforeAll(async () => {
  sites = await mkdtemp(join(tmpdir(), 'anyward-drain-'))
  await cp('test/e2e/fixtures/fleet', sites, { recursive: true })
  const fleet = await readFile(join(sites, 'fleet.yaml'), 'utf8')
  await writeFile(
    join(sites, 'fleet.yaml'),
    `${fleet.replace(/^ {4}drain:.*\n/m, '').trimEnd()}\n    drain: { idle: 2s, limit: 15s, undrain: 3s }\n`,
  )
  lab = await labUp(sites)
}, patience(240_000))
afterAll(async () => {
  await labDown()
  await rm(sites, { recursive: true })
}, patience(120_000))

describe.each(['bird', 'frr'] as const)('a drain behind %s', (daemon) => {
  let node: LabNode
  let neighbors: { name: string; protocol: string; client: BirdClient }[]

  beforeAll(() => {
    node = lab.nodes.find((candidate) => candidate.daemon === daemon)!
    neighbors = lab.neighbors.flatMap(({ name, controlSocket, sessions }) =>
      sessions
        .filter((session) => session.node === node.name)
        .map(({ protocol }) => ({
          name,
          protocol,
          client: new BirdClient({ socketPath: controlSocket, deadlineMs: patience(10_000) }),
        })),
    )
  })
  afterAll(() => {
    for (const { client } of neighbors) client.close()
  })

  const status = async (): Promise<NodeStatus> => (await (await fetch(node.statusUrl)).json()) as NodeStatus
  /** The grade at each neighbor: GRACEFUL_SHUTDOWN or the longer path means degraded. */
  const look = async (): Promise<'normal' | 'degraded' | 'none' | 'mixed'> => {
    const grades = new Set<string>()
    for (const { protocol, client } of neighbors) {
      const { lines } = await client.send(`show route protocol ${protocol} all`)
      const text = lines.map(({ text }) => text).join('\n')
      const paths = [...text.matchAll(/(?:BGP\.as_path|bgp_path): (.*)/g)].map(([, path]) => path!.trim())
      const shutdowns = text.match(/\(65535, ?0\)/g)?.length ?? 0
      if (paths.length === 0) grades.add('none')
      for (const path of paths) grades.add(path === '64500' ? 'normal' : 'degraded')
      if (shutdowns !== paths.filter((path) => path !== '64500').length) grades.add('mixed')
    }
    return grades.size === 1 ? ([...grades][0] as 'normal') : 'mixed'
  }
  const has = (grade: 'normal' | 'degraded' | 'none') =>
    until(`all neighbors have ${grade}`, look, (found) => found === grade, 60_000)
  /** The sequence of grades while something was done, without repeats. */
  const follow = async (during: () => Promise<unknown>): Promise<string[]> => {
    const seen: string[] = []
    let done = false
    const looking = (async () => {
      while (!done) {
        const found = await look()
        // A change reaches one neighbor before the other.
        if (found !== 'mixed' && found !== seen.at(-1)) seen.push(found)
      }
    })()
    await during().finally(() => {
      done = true
    })
    await looking
    return seen
  }
  const anyward = (...words: string[]) =>
    execa('ip', ['netns', 'exec', node.namespace, process.execPath, cli, ...words], {
      reject: false,
      timeout: patience(110_000),
    })

  test('failure 24: degrades, waits until no peer sends, withdraws, and comes back the same way', async () => {
    await has('normal')
    let drained: Awaited<ReturnType<typeof anyward>> | undefined
    const seen = await follow(async () => {
      drained = await anyward('drain', '--reason', 'a new kernel')
    })
    expect(seen).toEqual(['normal', 'degraded', 'none'])
    expect(drained).toMatchObject({ exitCode: 0 })
    expect(drained!.stderr).toMatch(/vpn: degrading, degraded at \d neighbors, waiting for traffic/)
    expect(drained!.stdout).toContain('operator: drain (a new kernel), by ')
    expect(drained!.stdout).toContain('drain: drained for')
    expect((await status()).services[0]!.drain).toMatchObject({ stage: 'drained', ending: 'traffic-gone' })

    let undrained: Awaited<ReturnType<typeof anyward>> | undefined
    const back = await follow(async () => {
      undrained = await anyward('undrain', '--json')
    })
    expect(back).toEqual(['none', 'degraded', 'normal'])
    expect(undrained).toMatchObject({ exitCode: 0, stderr: '' })
    expect(JSON.parse(undrained!.stdout as string).services[0]).toMatchObject({
      decision: 'announce',
      drain: { stage: 'none' },
    })
  })
})
