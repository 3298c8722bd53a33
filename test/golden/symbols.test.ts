import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { expect, test } from 'vitest'
import { issuesAfter } from '../invalid/base.ts'
import { patience } from '../patience.ts'

const folder = join(import.meta.dirname, 'kinds/out/bru1')
const configs = await Promise.all(
  ['bru1-a', 'bru1-leaf', 'bru1-spare'].map((node) => readFile(join(folder, node, 'bird.conf'), 'utf8')),
)

/** The protocols and tables in the golden configurations that are no neighbor's, each with its configuration. */
const symbols = new Map(
  configs.flatMap((text) =>
    [...text.matchAll(/^(?:protocol \w+|\w+ table) (aw_\w+)/gm)].flatMap(([, symbol]) =>
      symbol!.startsWith('aw_bru1_') ? [] : [[symbol!, text] as const],
    ),
  ),
)

test('the golden configurations have symbols of their own', () => {
  expect([...symbols.keys()]).toEqual(
    expect.arrayContaining(['aw_bfd', 'aw_direct', 'aw_radv', 'aw_rtr1', 'aw_kernel4', 'aw_via4', 'aw_roa4']),
  )
})

test.each([...symbols])(
  'BIRD refuses a neighbor with the symbol %s, and so does validate before',
  async (symbol, text) => {
    const name = symbol.slice('aw_'.length).replaceAll('_', '-')
    expect(issuesAfter([['fra1.yaml', 'name: transit1-v6', `name: ${name}`]]).join()).toContain(symbol)

    const dir = await mkdtemp(join(tmpdir(), 'symbols-'))
    try {
      const parse = async (config: string) => {
        await writeFile(join(dir, 'bird.conf'), config)
        return execa('bird', ['-p', '-c', join(dir, 'bird.conf')], { reject: false })
      }
      const withoutFiles = text.replace(/^include .*$/m, '')
      const taken = withoutFiles.replace(/^protocol bgp aw_bru1_\w+/m, `protocol bgp ${symbol}`)
      expect(taken).not.toBe(withoutFiles)
      expect((await parse(withoutFiles)).exitCode).toBe(0)
      expect((await parse(taken)).exitCode).not.toBe(0)
    } finally {
      await rm(dir, { recursive: true, force: true })
    }
  },
  patience(20_000),
)
