import { cp, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { execa } from 'execa'
import { stageRuntime, writeLicenses } from './stage.mjs'

const manifestKeys = ['name', 'version', 'description', 'license', 'type', 'engines', 'bin']
const documents = ['docs', 'sites', 'README.md', 'CHANGELOG.md', 'LICENSE']

/**
 * Builds the tarball that `npm install` takes, in `out`, and returns its path. The program is one bundle: unlike the
 * tarball of a plain `npm pack`, this one has no dependencies, and is installed without a registry.
 */
export async function packForNpm({ root, work, out }) {
  const tree = join(work, 'npm')
  await mkdir(tree)
  const packages = await stageRuntime({ root, home: tree })
  await writeLicenses(packages, join(tree, 'bundled-licenses.txt'))
  for (const name of documents) {
    await cp(join(root, name), join(tree, name), {
      recursive: true,
      filter: (from) => !from.endsWith('.png'),
    })
  }
  const source = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'))
  const manifest = Object.fromEntries(manifestKeys.map((key) => [key, source[key]]))
  await writeFile(join(tree, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`)
  await mkdir(out, { recursive: true })
  const args = ['pack', '--json', '--pack-destination', out]
  const { stdout } = await execa('npm', args, { cwd: tree, stdin: 'ignore' })
  return join(out, JSON.parse(stdout)[0].filename)
}
