import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { execa } from 'execa'
import { expect, test } from 'vitest'

const script = fileURLToPath(new URL('../../../scripts/storm.mjs', import.meta.url))

interface Report {
  nodes: { node: string; steps: number; quiets: number }[]
  failures: { node: string; burst: number; mismatches: string[]; lastSteps: string[] }[]
  growth: string[]
}

test('during random faults and repairs, neighbors, status and model agree at every quiet point, behind both daemons', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'anyward-storm-'))
  const file = join(dir, 'report.json')
  try {
    const argv = [script, '--here', '--steps', '90', '--seed', '1', '--report', file]
    const { exitCode, stderr } = await execa(process.execPath, argv, { reject: false })
    expect(exitCode, stderr).not.toBe(2)
    const { nodes, failures, growth } = JSON.parse(await readFile(file, 'utf8')) as Report
    expect(
      failures.map(({ node, burst, mismatches, lastSteps }) => ({ node, burst, mismatches, lastSteps })),
    ).toEqual([])
    expect(growth).toEqual([])
    expect(nodes.map(({ steps }) => steps)).toEqual([45, 45])
    for (const { quiets } of nodes) expect(quiets).toBeGreaterThan(5)
  } finally {
    await rm(dir, { recursive: true })
  }
}, 1200_000)
