import { lstat, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { execa } from 'execa'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { versionLine } from '../../installed-version.ts'
import { patience } from '../../patience.ts'
import { type Lab, labDown, NeighborTables, until } from '../fixtures/lab/lab.ts'
import { runOnTerminal } from '../fixtures/terminal/terminal.ts'

const root = fileURLToPath(new URL('../../..', import.meta.url))
const key = 'F7ZBixmXQ7ENlfBSvl2C277ZfjW8oy6gumYftCfg4Ao='

let dir: string

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'init-'))
})
afterAll(async () => {
  await labDown()
  await rm(dir, { recursive: true, force: true })
}, patience(120_000))

async function pack(...args: string[]): Promise<string> {
  const { stdout } = await execa('scripts/package', [...args, '--out', join(dir, 'packed')], {
    cwd: root,
    stdin: 'ignore',
  })
  return stdout
}

describe('the tarball for npm, in an empty folder', () => {
  let folder: string
  let tarball: string
  /** What npx runs, without npm's own start, which takes seconds. */
  const program = 'node_modules/.bin/anyward'
  const anyward = (...args: string[]) =>
    execa(join(folder, program), args, { cwd: folder, reject: false, stdin: 'ignore' })

  beforeAll(async () => {
    folder = join(dir, 'empty')
    await mkdir(folder)
    tarball = await pack('--npm')
    const install = ['install', '--offline', '--no-audit', '--no-fund', tarball]
    await execa('npm', install, { cwd: folder, stdin: 'ignore' })
  }, patience(300_000))

  test('has the program, its templates, the documentation and the example, and nothing else', async () => {
    const home = join(folder, 'node_modules/anyward')
    expect(await readdir(join(folder, 'node_modules'))).toEqual(['.bin', '.package-lock.json', 'anyward'])
    expect((await readdir(home)).toSorted()).toEqual([
      'CHANGELOG.md',
      'LICENSE',
      'README.md',
      'bundled-licenses.txt',
      'dist',
      'docs',
      'package.json',
      'scripts',
      'sites',
      'templates',
    ])
    expect(await readdir(join(home, 'dist'))).toEqual(['cli', 'web'])
    const program = await readdir(join(home, 'dist/cli'))
    expect(program.filter((name) => !name.endsWith('.js'))).toEqual([])
    expect((await lstat(tarball)).size).toBeLessThan(1.2e6)
    const manifest = JSON.parse(await readFile(join(home, 'package.json'), 'utf8')) as object
    expect(Object.keys(manifest)).not.toContain('dependencies')
  })

  test(
    'init asks on a terminal, and lab up announces the prefix of what it has written',
    async () => {
      const { shown, exitCode } = await runOnTerminal(['npx', '--offline', 'anyward', 'init'], {
        cwd: folder,
        answers: [
          [/AS number \(such as 64500\)/, 'sixty', 'AS64500'],
          [/Name of this site/, 'fra1'],
          [/routing daemon/, 'bird'],
          [/router id/, '10.0.0.11'],
          [/Anycast addresses/, '192.0.2.1'],
          [/used intentionally/, 'y'],
          [/public key/, key],
          [/inside the tunnel/, '10.80.0.1/16'],
          [/Its AS number/, '64500', '64601'],
          [/Its address/, '10.1.1.1'],
          [/own address on that link/, '10.1.1.2'],
        ],
      })
      expect(shown).toContain('expected a whole number, got "sixty"')
      expect(shown).toContain('64500 is our own AS, but kind transit is another network')
      expect(shown).toContain('sites: valid: 1 site, 1 node, 1 neighbor, 1 service.')
      expect(shown).toContain('npx anyward plan --out out')
      expect(shown).toContain('npx anyward doctor --bundle out/fra1/fra1-a')
      expect(exitCode).toBe(0)

      expect(await readFile(join(folder, 'sites/fra1.yaml'), 'utf8')).toContain(versionLine('bird'))
      expect(await anyward('validate')).toMatchObject({ exitCode: 0 })
      const planned = await anyward('plan', '--out', 'out', '--state', join(dir, 'state'))
      expect(planned.stdout).toContain('fra1 may now announce 192.0.2.0/24 to transit1')
      expect(planned.exitCode).toBe(0)

      const up = await anyward('lab', 'up', '--json')
      expect(up.exitCode, up.stderr).toBe(0)
      const lab = JSON.parse(up.stdout) as Lab
      const tables = new NeighborTables(lab, lab.nodes[0]!)
      try {
        await until(
          'the prefix at the neighbor',
          () => tables.read(),
          (rows) => rows.some((row) => row.endsWith(' 192.0.2.0/24')),
        )
      } finally {
        tables.close()
      }
      expect(await anyward('lab', 'down')).toMatchObject({ exitCode: 0 })
    },
    patience(240_000),
  )

  test('a second init refuses at once, and names the file', async () => {
    const { shown, exitCode } = await runOnTerminal([program, 'init'], {
      cwd: folder,
      answers: [],
    })
    expect(shown).toContain('anyward: sites/fleet.yaml exists already, and is not overwritten')
    expect(exitCode).toBe(1)
  })

  test('Ctrl-C at a question writes nothing', async () => {
    const { shown, exitCode } = await runOnTerminal([program, 'init', '--sites', 'other'], {
      cwd: folder,
      answers: [[/Your AS number/, '\u0003']],
    })
    expect(shown).toContain('the questions were not answered to the end')
    expect(exitCode).toBe(2)
    expect(await readdir(folder)).not.toContain('other')
  })
})

test('a daemon of this machine that is too old is not named, because the node may be another machine', async () => {
  const bin = join(dir, 'bin')
  await mkdir(bin)
  await writeFile(join(bin, 'bird'), '#!/bin/sh\necho BIRD version 2.0.7\n', { mode: 0o755 })
  const sites = join(dir, 'beside-an-old-bird')
  const flags = {
    ...{ sites, asn: '64500', site: 'fra1', daemon: 'bird', 'router-id': '10.0.0.11', anycast: '192.0.2.1' },
    ...{
      'public-key': key,
      'tunnel-address': '10.80.0.1/16',
      neighbor: 'kind: transit, asn: 64601, address: 10.1.1.1, localAddress: 10.1.1.2',
    },
  }
  const argv = Object.entries(flags).flatMap(([name, value]) => [`--${name}`, value])
  const { stdout, stderr } = await execa(
    process.execPath,
    [join(root, 'dist/cli/main.js'), 'init', ...argv, '--allow-bogons'],
    { reject: false, stdin: 'ignore', env: { PATH: `${bin}:${process.env.PATH}` } },
  )
  expect(`${stdout}${stderr}`).toContain('valid: 1 site, 1 node, 1 neighbor')
  expect(await readFile(join(sites, 'fra1.yaml'), 'utf8')).not.toContain('daemonVersion')
})

test(
  'the Debian package, unpacked in an empty place, writes, checks and plans a fleet from a bird.conf',
  async () => {
    const tree = join(dir, 'tree')
    await execa('dpkg-deb', ['--extract', await pack(), tree])
    const folder = join(dir, 'bare')
    await mkdir(folder)
    const sample = await readFile(join(root, 'test/golden/takeover/bird-cloud.conf'))
    await writeFile(join(folder, 'bird.conf'), sample)
    const anyward = (...args: string[]) => {
      const main = join(tree, 'usr/lib/anyward/dist/cli/main.js')
      const env = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', HOME: '/nonexistent' }
      return execa(process.execPath, [main, ...args], {
        cwd: folder,
        reject: false,
        stdin: 'ignore',
        env,
        extendEnv: false,
      })
    }
    const flags = ['--site', 'fra1', '--anycast', '198.51.100.1', '--allow-bogons', '--public-key', key]
    const made = await anyward('init', '--from', 'bird.conf', ...flags, '--tunnel-address', '10.80.0.1/16')
    expect(made.stdout).toContain('bird.conf:24 filter to_provider { … }')
    expect(`${made.stdout}${made.stderr}`).not.toContain('never-show-this')
    expect(made.exitCode).toBe(0)
    expect(await anyward('validate')).toMatchObject({ exitCode: 0 })
    const planned = await anyward('plan', '--out', 'out', '--state', join(dir, 'state'))
    expect(planned.stdout).toContain('1 bundle in out, each accepted by its daemon’s own parser')
    expect(planned.exitCode).toBe(0)
  },
  patience(240_000),
)
