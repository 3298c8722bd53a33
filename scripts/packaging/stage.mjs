import { cp, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { execa } from 'execa'
import { bundleProgram } from '../bundle.mjs'
import { writeManPage } from './man-page.mjs'

const here = fileURLToPath(new URL('.', import.meta.url))

/** Writes into `tree` every file that the package installs. */
export async function stageFiles({ root, tree, version, epochS }) {
  const home = join(tree, 'usr/lib/anyward')
  await mkdir(home, { recursive: true })
  const packages = await stageProgram({ root, home, version })
  await mkdir(join(tree, 'usr/bin'))
  await symlink('../lib/anyward/dist/cli/main.js', join(tree, 'usr/bin/anyward'))
  await stageShells(home, tree)
  await stageDocs({ root, tree, home, version, epochS })
  await writeLicenses(packages, join(tree, 'usr/share/doc/anyward/bundled-licenses.txt'))
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
  // systemd reads it for every unit whose name has this prefix.
  'units/hardening.conf': 'usr/lib/systemd/system/anyward-.service.d/hardening.conf',
  ...Object.fromEntries(
    ['agent', 'controller', 'guard', 'planner', 'repair', 'rtr'].map((name) => [
      `units/anyward-${name}.service`,
      `usr/lib/systemd/system/anyward-${name}.service`,
    ]),
  ),
}

/** The program as it runs, without a manifest. Returns the folders of the npm packages that it contains. */
export async function stageRuntime({ root, home }) {
  const packages = await bundleProgram(join(home, 'dist'), { sourcemap: false })
  await cp(join(root, 'templates'), join(home, 'templates'), { recursive: true })
  for (const name of ['prepare', 'users']) {
    await cp(join(root, 'scripts/etcd', name), join(home, 'scripts/etcd', name))
  }
  return packages
}

/** Returns the folders of the npm packages that the program contains. */
async function stageProgram({ root, home, version }) {
  const { type, engines } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'))
  const packages = await stageRuntime({ root, home })
  // Debian's and nodesource's Node; `env` would take the first one on the caller's PATH.
  const main = join(home, 'dist/cli/main.js')
  await writeFile(main, (await readFile(main, 'utf8')).replace(/^#!.*/, '#!/usr/bin/node'))
  const manifest = { name: 'anyward', version, private: true, type, engines }
  await writeFile(join(home, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`)
  return packages
}

/** For packages without a file of their license: files of the folder `licenses`. */
const licenseFiles = {
  '@connectrpc/connect': ['Apache-2.0.txt'],
  '@connectrpc/connect-node': ['Apache-2.0.txt'],
  // src/fleet/etcd/rpc.proto is etcd's, under the Apache license too.
  '@bufbuild/protobuf': ['Apache-2.0.txt', 'protobuf.txt', 'etcd.txt'],
}

/** The licenses of the bundled packages, which must accompany their code. */
export async function writeLicenses(packages, file) {
  const texts = []
  for (const folder of packages) {
    const { name, version, license } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'))
    const own = (await readdir(folder)).find((entry) => /^licen[cs]e/i.test(entry))
    const kept = licenseFiles[name]?.map((entry) => join(here, 'licenses', entry))
    const files = own === undefined ? kept : [join(folder, own)]
    if (files === undefined) throw new Error(`${name} has no license file`)
    const parts = await Promise.all(files.map((path) => readFile(path, 'utf8')))
    texts.push(`${name} ${version} (${license})\n\n${parts.map((part) => part.trim()).join('\n\n')}\n`)
  }
  await writeFile(file, texts.join(`\n${'-'.repeat(80)}\n\n`))
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
  // The pictures are a tenth of the package.
  await cp(join(root, 'docs'), docs, { recursive: true, filter: (from) => !from.endsWith('.png') })
  for (const name of ['README.md', 'CHANGELOG.md']) await cp(join(root, name), join(docs, name))
  await cp(join(root, 'sites'), join(docs, 'examples/sites'), { recursive: true })
  const date = new Date(epochS * 1000)
  const entry = [
    `anyward (${version}) unstable; urgency=medium`,
    '  * Built from the source; CHANGELOG.md beside this file lists the changes.',
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
