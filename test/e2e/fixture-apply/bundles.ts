import { cp, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { execa } from 'execa'
import { hashOf } from '../../../src/files/hash.ts'
import type { Manifest } from '../../../src/manifest/manifest.ts'
import { cli, type LabNode } from '../fixture-lab/lab.ts'

export interface Outcome {
  applied: boolean
  effect: string
  undone: boolean
  reason: string
  detail: string
  findings: string[]
  notes: string[]
}

export const configName = (node: LabNode) => (node.daemon === 'bird' ? 'bird.conf' : 'frr.conf')

/** The node's bundle with another configuration, with valid hashes. */
export async function alterBundle(
  node: LabNode,
  dir: string,
  edit: (config: string) => string,
  editManifest: (manifest: Manifest) => Manifest = (manifest) => manifest,
): Promise<string> {
  await rm(dir, { recursive: true, force: true })
  await cp(node.bundle, dir, { recursive: true })
  const file = join(dir, configName(node))
  const before = await readFile(file, 'utf8')
  const config = edit(before)
  if (config === before) throw new Error('the edit changes nothing')
  await writeFile(file, config)
  const manifest = JSON.parse(await readFile(join(dir, 'manifest.json'), 'utf8')) as Manifest
  const files = { ...manifest.files, [configName(node)]: hashOf(config) }
  await writeFile(
    join(dir, 'manifest.json'),
    `${JSON.stringify(editManifest({ ...manifest, files }), null, 2)}\n`,
  )
  return dir
}

/** `anyward apply` in the node's namespace; `onStep` gets each step that it prints, and may signal the process. */
export async function applyOn(
  node: LabNode,
  bundle: string,
  options: { timeout?: string; onStep?: (step: string, signal: (name: NodeJS.Signals) => void) => void } = {},
): Promise<{ exitCode: number | undefined; outcome: Outcome | null; stderr: string }> {
  const args = ['netns', 'exec', node.namespace, process.execPath, cli, 'apply', '--json', '--bundle', bundle]
  const child = execa('ip', [...args, '--timeout', options.timeout ?? '20s'], {
    reject: false,
    stdin: 'ignore',
  })
  const signal = (name: NodeJS.Signals) => process.kill(child.pid!, name)
  child.stderr.on('data', (data: Buffer) => {
    for (const step of data.toString().split('\n').filter(Boolean)) options.onStep?.(step, signal)
  })
  const { exitCode, stdout, stderr } = await child
  // The reason is needed where an outcome is expected.
  if (stdout === '') console.error(stderr)
  return { exitCode, outcome: stdout === '' ? null : (JSON.parse(stdout) as Outcome), stderr }
}
