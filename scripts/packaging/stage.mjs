import { cp, mkdir, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { basename, dirname, extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { execa } from 'execa'
import { bundleProgram } from '../bundle.mjs'
import { writeManPage } from './man-page.mjs'

const here = fileURLToPath(new URL('.', import.meta.url))

/** Puts into `tree` all that the package has on a machine. */
export async function stageFiles({ root, work, tree, version, epochS }) {
  const home = join(tree, 'usr/lib/anyward')
  await mkdir(home, { recursive: true })
  await stageProgram({ root, work, home, version })
  await mkdir(join(tree, 'usr/bin'))
  await symlink('../lib/anyward/dist/cli/main.js', join(tree, 'usr/bin/anyward'))
  await stageShells(home, tree)
  await stageDocs({ root, tree, home, version, epochS })
  await mkdir(join(tree, 'etc/anyward'), { recursive: true })
  for (const [from, to] of Object.entries(placed)) {
    await mkdir(dirname(join(tree, to)), { recursive: true })
    await cp(join(here, from), join(tree, to))
  }
}

const placed = {
  'debian/default': 'etc/default/anyward',
  'debian/sysusers': 'usr/lib/sysusers.d/anyward.conf',
  'debian/tmpfiles': 'usr/lib/tmpfiles.d/anyward.conf',
  'debian/lintian-overrides': 'usr/share/lintian/overrides/anyward',
  'debian/copyright': 'usr/share/doc/anyward/copyright',
  'units/bird.service.d.conf': 'usr/lib/systemd/system/bird.service.d/anyward.conf',
  'units/frr.service.d.conf': 'usr/lib/systemd/system/frr.service.d/anyward.conf',
  // systemd reads it for every unit whose name begins so.
  'units/hardening.conf': 'usr/lib/systemd/system/anyward-.service.d/hardening.conf',
  ...Object.fromEntries(
    ['controller', 'guard', 'planner', 'repair', 'rtr'].map((name) => [
      `units/anyward-${name}.service`,
      `usr/lib/systemd/system/anyward-${name}.service`,
    ]),
  ),
}

async function stageProgram({ root, work, home, version }) {
  const { type, engines, dependencies } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'))
  const tsc = join(root, 'node_modules/.bin/tsc')
  const options = ['--outDir', join(home, 'dist'), '--sourceMap', 'false']
  await run(tsc, ['-p', join(root, 'tsconfig.build.json'), ...options])
  await bundleProgram(join(home, 'dist'), { sourcemap: false })
  // Debian's and nodesource's Node; `env` would take whichever stands first on the PATH of the one who calls.
  const main = join(home, 'dist/cli/main.js')
  await writeFile(main, (await readFile(main, 'utf8')).replace(/^#!.*/, '#!/usr/bin/node'))
  await cp(join(root, 'templates'), join(home, 'templates'), { recursive: true })

  const npm = join(work, 'npm')
  await mkdir(npm)
  for (const name of ['package.json', 'package-lock.json']) await cp(join(root, name), join(npm, name))
  // Nothing that comes with a package is run here: none of these has anything to compile.
  const flags = ['--omit=dev', '--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund']
  await run('npm', ['ci', '--prefix', npm, ...flags])
  await thinOut(join(npm, 'node_modules'))
  await cp(join(npm, 'node_modules'), join(home, 'node_modules'), { recursive: true, verbatimSymlinks: true })
  const manifest = { name: 'anyward', version, private: true, type, engines, dependencies }
  await writeFile(join(home, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`)
}

const unneededFiles = new Set([
  '.ts',
  '.cts',
  '.mts',
  '.map',
  '.md',
  '.markdown',
  '.html',
  '.yml',
  '.zip',
  '.sh',
])
/** A package's own command lines among them. */
const unneededNames = new Set(['Makefile', 'bin.js', 'bin.mjs'])
/** Of a package's top folder; further down a `test` may well be something that it loads. */
const unneededFolders = new Set(['test', 'tests', 'docs', 'doc', 'examples', 'example', 'benchmarks', 'bin'])

async function thinOut(folder) {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name)
    const drop = entry.isDirectory()
      ? entry.name.startsWith('.') || (isPackageFolder(folder) && unneededFolders.has(entry.name))
      : entry.name.startsWith('.') || unneededFiles.has(extname(entry.name)) || unneededNames.has(entry.name)
    if (drop) await rm(path, { recursive: true })
    else if (entry.isDirectory()) await thinOut(path)
  }
}

function isPackageFolder(folder) {
  const parent = basename(dirname(folder))
  return parent === 'node_modules' || parent.startsWith('@')
}

async function stageShells(home, tree) {
  const places = {
    bash: 'usr/share/bash-completion/completions/anyward',
    zsh: 'usr/share/zsh/vendor-completions/_anyward',
    fish: 'usr/share/fish/vendor_completions.d/anyward.fish',
  }
  for (const [shell, place] of Object.entries(places)) {
    const { stdout } = await run(process.execPath, [join(home, 'dist/cli/main.js'), 'completion', shell])
    await mkdir(dirname(join(tree, place)), { recursive: true })
    await writeFile(join(tree, place), `${stdout}\n`)
  }
}

async function stageDocs({ root, tree, home, version, epochS }) {
  const docs = join(tree, 'usr/share/doc/anyward')
  await mkdir(docs, { recursive: true })
  await cp(join(root, 'docs'), docs, { recursive: true })
  for (const name of ['README.md', 'CHANGELOG.md']) await cp(join(root, name), join(docs, name))
  await cp(join(root, 'sites'), join(docs, 'examples/sites'), { recursive: true })
  const date = new Date(epochS * 1000)
  const entry = [
    `anyward (${version}) unstable; urgency=medium`,
    '  * Built from the source; what is new stands in CHANGELOG.md beside this file.',
    ` -- Anyward maintainers <maintainers@anyward.invalid>  ${date.toUTCString().replace('GMT', '+0000')}`,
  ]
  await writeFile(join(docs, 'changelog.gz'), zip(`${entry.join('\n\n')}\n`))

  const { stdout } = await run(process.execPath, [join(home, 'dist/cli/main.js'), 'completion', 'json'])
  const prose = await readFile(join(here, 'anyward.1.in'), 'utf8')
  const page = writeManPage(JSON.parse(stdout), { prose, version, date })
  await mkdir(join(tree, 'usr/share/man/man1'), { recursive: true })
  await writeFile(join(tree, 'usr/share/man/man1/anyward.1.gz'), zip(page))
}

/** zlib writes no time and no name into the header. */
function zip(text) {
  return gzipSync(text, { level: 9 })
}

function run(program, args) {
  return execa(program, args, { stdin: 'ignore' })
}
