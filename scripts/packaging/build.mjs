import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { execa } from 'execa'
import { writeControlFiles } from './control.mjs'
import { packForNpm } from './npm.mjs'
import { measureTree, settleTree } from './settle.mjs'
import { stageFiles } from './stage.mjs'

const root = fileURLToPath(new URL('../..', import.meta.url))

const options = { out: { type: 'string', default: '.' }, npm: { type: 'boolean', default: false } }
const { values } = parseArgs({ options })
const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'))
const out = resolve(values.out)
const work = await mkdtemp(join(tmpdir(), 'anyward-package-'))
try {
  process.stdout.write(`${values.npm ? await packForNpm({ root, work, out }) : await buildDeb()}\n`)
} finally {
  await rm(work, { recursive: true, force: true })
}

async function buildDeb() {
  const epochS = await readEpoch()
  const target = join(out, `anyward_${version}_all.deb`)
  const tree = join(work, 'tree')
  await mkdir(tree)
  await stageFiles({ root, tree, version, epochS })
  await writeControlFiles({ tree, version, sizeBytes: await measureTree(tree) })
  await settleTree(tree, epochS)
  await mkdir(out, { recursive: true })
  // With several threads of xz the bytes would depend on the number of cores.
  const options = ['--root-owner-group', '-Zxz', '-z3', '--threads-max=1', '--build']
  const env = { SOURCE_DATE_EPOCH: String(epochS) }
  const built = join(work, 'built.deb')
  await execa('dpkg-deb', [...options, tree, built], { env, stdin: 'ignore' })
  await writeFile(target, await readFile(built))
  await chmod(target, 0o644)
  return target
}

/** https://reproducible-builds.org/specs/source-date-epoch/ */
async function readEpoch() {
  const given = process.env.SOURCE_DATE_EPOCH
  if (given !== undefined) {
    if (/^\d+$/.test(given)) return Number(given)
    throw new Error(`SOURCE_DATE_EPOCH is not a number of seconds: ${given}`)
  }
  const { stdout } = await execa('git', ['-C', root, 'log', '-1', '--format=%ct'], { stdin: 'ignore' })
  return Number(stdout)
}
