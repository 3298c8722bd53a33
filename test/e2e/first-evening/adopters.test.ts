import { existsSync } from 'node:fs'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterEach, describe, expect, test } from 'vitest'
import { patience } from '../../patience.ts'
import { Bed, readBed } from '../fixtures/adopters/bed.ts'
import { cli } from '../fixtures/lab/lab.ts'
import { untilEqual } from '../fixtures/routing/until.ts'

const root = 'test/e2e/adopters'
// A folder without a bed has a test of its own.
const cases = (await readdir(root, { withFileTypes: true })).filter(
  (entry) => entry.isDirectory() && existsSync(join(root, entry.name, 'bed.json')),
)

let bed: Bed | null = null
afterEach(async () => {
  await bed?.stop()
  bed = null
}, patience(60_000))

describe.each(cases.map(({ name }) => name))('%s', (name) => {
  const dir = join(root, name)

  test(
    'is valid and can be planned without a warning',
    async () => {
      const out = await mkdtemp(join(tmpdir(), 'ad-plan-'))
      const run = (...args: string[]) =>
        execa(process.execPath, [cli, ...args, '--sites', dir], { reject: false })
      const valid = await run('validate', '--json')
      expect(JSON.parse(valid.stdout)).toEqual({ ok: true, issues: [] })
      const planned = await run('plan', '--out', out)
      await rm(out, { recursive: true, force: true })
      expect(planned, planned.stderr).toMatchObject({ exitCode: 0 })
    },
    patience(60_000),
  )

  test.each(['bird', 'frr'] as const)(
    'with %s: the neighbors get the prefix and lose it with WireGuard, and the node keeps its own default route',
    async (kind) => {
      const plan = await readBed(dir)
      bed = new Bed(dir, plan, kind)
      await bed.start()
      try {
        await untilEqual(
          'what the neighbors have',
          plan.neighbors.map(({ has }) => has),
          () => bed!.tables(),
        )
        const own = Object.fromEntries(Object.entries(plan.gateways).map(([family, one]) => [family, [one]]))
        expect(await bed.defaultGateways()).toEqual(own)
        const { accepts = [], refuses = [] } = plan
        await untilEqual('what the node accepts', accepts, () => bed!.accepted([...accepts, ...refuses]))
        await bed.removeWireguard()
        await untilEqual(
          'what the neighbors have',
          plan.neighbors.map(() => []),
          () => bed!.tables(),
        )
        expect(await bed.defaultGateways()).toEqual(own)
      } catch (error) {
        console.error(bed.log)
        throw error
      }
    },
    patience(150_000),
  )
})
