import { lstat, mkdir, mkdtemp, readdir, readFile, readlink, rm, writeFile } from 'node:fs/promises'
import { isBuiltin } from 'node:module'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { execa } from 'execa'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { patience } from '../../patience.ts'

const root = fileURLToPath(new URL('../../..', import.meta.url))
const units = 'usr/lib/systemd/system'

let dir: string
/** The package, built twice from the same source. */
let packages: readonly [string, string]
/** The package's files, unpacked. */
let tree: string

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'package-'))
  const pack = async (name: string) => {
    const built = await execa('scripts/package', ['--out', join(dir, name)], { cwd: root, stdin: 'ignore' })
    return built.stdout
  }
  packages = await Promise.all([pack('one'), pack('two')])
  tree = join(dir, 'tree')
  await execa('dpkg-deb', ['--extract', packages[0], tree])
}, patience(900_000))
afterAll(async () => {
  await rm(dir, { recursive: true, force: true })
})

async function run(command: string, args: readonly string[], env: Record<string, string> = {}) {
  const { all, exitCode } = await execa(command, args, { all: true, reject: false, stdin: 'ignore', env })
  return { all, exitCode }
}

test('the same source gives the same bytes', async () => {
  const [one, two] = await Promise.all(packages.map((path) => readFile(path)))
  expect(one!.equals(two!)).toBe(true)
})

describe('the control data', () => {
  test('has the version of package.json, and depends on Node 20.19 or later', async () => {
    const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { version: string }
    const field = async (name: string) => (await execa('dpkg-deb', ['--field', packages[0], name])).stdout
    expect(await field('Version')).toBe(version)
    expect(await field('Architecture')).toBe('all')
    expect(await field('Depends')).toContain('nodejs (>= 20.19)')
  })

  test('has maintainer scripts that parse and stop at the first failure', async () => {
    const control = join(dir, 'control')
    await execa('dpkg-deb', ['--control', packages[0], control])
    for (const name of ['postinst', 'prerm', 'postrm']) {
      const path = join(control, name)
      expect(await run('sh', ['-n', path])).toEqual({ all: '', exitCode: 0 })
      expect((await readFile(path, 'utf8')).split('\n')[1]).toBe('set -e')
    }
    expect(await readFile(join(control, 'conffiles'), 'utf8')).toBe('/etc/default/anyward\n')
  })
})

describe('the files', () => {
  test('belong to root, only root may write them, and other users may not read /etc/anyward', async () => {
    const { stdout } = await execa('dpkg-deb', ['--contents', packages[0]])
    const rows = stdout.split('\n').map((line) => line.split(/\s+/))
    expect(rows.length).toBeGreaterThan(100)
    for (const [mode, owner, , , , path] of rows) {
      expect(owner, path).toBe('root/root')
      if (!mode!.startsWith('l')) expect(mode, path).toMatch(/^[d-]rw[x-]r-[x-](?:r-[x-]|---)$/)
    }
    const modes = new Map(rows.map(([mode, , , , , path]) => [path, mode]))
    expect(modes.get('./etc/anyward/')).toBe('drwxr-x---')
    expect(modes.get('./etc/default/anyward')).toBe('-rw-r--r--')
    expect(modes.get('./usr/lib/anyward/dist/cli/main.js')).toBe('-rwxr-xr-x')
  })

  test('run from their installed path, with their own modules and templates', async () => {
    expect(await readlink(join(tree, 'usr/bin/anyward'))).toBe('../lib/anyward/dist/cli/main.js')
    const main = join(tree, 'usr/lib/anyward/dist/cli/main.js')
    expect((await readFile(main, 'utf8')).split('\n')[0]).toBe('#!/usr/bin/node')
    const out = join(dir, 'bundles')
    const sites = join(tree, 'usr/share/doc/anyward/examples/sites')
    const args = ['plan', '--sites', sites, '--no-check', '--out', out, '--state', join(dir, 'state')]
    const planned = await run(process.execPath, [main, ...args])
    expect(planned.all).toContain('3 bundles in ')
    expect(planned.exitCode).toBe(0)
    expect((await readdir(out)).toSorted()).toEqual(['ams1', 'fra1', 'nyc1', 'prometheus-targets.json'])
  })

  test('contain the page, beside the program', async () => {
    const files = await readdir(join(tree, 'usr/lib/anyward/dist/web'))
    expect(files.toSorted()).toEqual(['icon.svg', 'index.html', 'page.css', 'page.js', 'runbooks.json'])
    const licenses = await readFile(join(tree, 'usr/share/doc/anyward/bundled-licenses.txt'), 'utf8')
    expect(licenses).toContain('preact')
  })

  test('contain every module that a command or a thread loads', async () => {
    const main = join(tree, 'usr/lib/anyward/dist/cli/main.js')
    const { stdout } = await execa(process.execPath, [main, 'completion', 'json'])
    const { commands } = JSON.parse(stdout) as { commands: { name: string }[] }
    expect(commands.map(({ name }) => name)).toEqual(expect.arrayContaining(['controller', 'plan', 'apply']))
    // A thread starts its work when it is loaded, so it is only parsed.
    const modules = (await readdir(dirname(main))).filter((name) => name !== 'main.js')
    const threads = modules.filter((name) => name.endsWith('-thread.js'))
    expect(threads).toContain('listener-thread.js')
    for (const name of threads) await execa(process.execPath, ['--check', join(dirname(main), name)])
    const code = 'for (const path of process.argv.slice(1)) await import(path)'
    const paths = modules.filter((name) => !threads.includes(name)).map((name) => join(dirname(main), name))
    await execa(process.execPath, ['--input-type=module', '-e', code, ...paths])
    // Modules that are loaded later: none of a package, for there is no folder of packages.
    for (const name of modules) {
      const source = await readFile(join(dirname(main), name), 'utf8')
      const text = source.replace(/^\s*(?:\*|\/\/|\/\*).*$/gm, '')
      const loaded = [
        ...text.matchAll(
          /^(?:import|export)\b[^;]*? from "([^"]+)"|\bimport\("([^"]+)"\)|__require\("([^"]+)"\)/gm,
        ),
      ]
        .map((match) => match[1] ?? match[2] ?? match[3]!)
        .filter((specifier) => !isBuiltin(specifier))
      for (const specifier of loaded) expect(modules, `${name}: ${specifier}`).toContain(basename(specifier))
    }
  })

  test('are those that the program needs at run time, and no others', async () => {
    const home = join(tree, 'usr/lib/anyward')
    expect((await readdir(home)).toSorted()).toEqual(['dist', 'package.json', 'scripts', 'templates'])
    expect((await readdir(join(home, 'dist'))).toSorted()).toEqual(['cli', 'web'])
    const files = await readdir(home, { recursive: true, withFileTypes: true })
    const paths = files
      .filter((entry) => entry.isFile())
      .map(({ parentPath, name }) => join(parentPath, name))
    const programs = ['prepare', 'users'].map((name) => join(home, 'scripts/etcd', name))
    expect(
      paths.filter((path) => !/\.(?:js|hbs|json|html|css|svg|yml|conf|config)$/.test(path)).toSorted(),
    ).toEqual(programs)
    for (const program of programs) expect((await lstat(program)).mode & 0o777, program).toBe(0o755)
    for (const template of ['bird/bird.conf.hbs', 'frr/frr.conf.hbs']) {
      expect(paths).toContain(join(home, 'templates', template))
    }
    const sizes = await Promise.all(paths.map(async (path) => (await lstat(path)).size))
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(4e6)
    expect((await lstat(packages[0])).size).toBeLessThan(1e6)
    const manifest = JSON.parse(await readFile(join(home, 'package.json'), 'utf8')) as object
    expect(Object.keys(manifest)).toEqual(['name', 'version', 'private', 'type', 'engines'])
  })

  test('contain the license of every bundled package, and of no development dependency', async () => {
    const text = await readFile(join(tree, 'usr/share/doc/anyward/bundled-licenses.txt'), 'utf8')
    const bundled = [...text.matchAll(/^(\S+) \d+\.\d+\.\d+\S* \(.+\)$/gm)].map((match) => match[1]!)
    const { dependencies, devDependencies } = JSON.parse(
      await readFile(join(root, 'package.json'), 'utf8'),
    ) as Record<'dependencies' | 'devDependencies', Record<string, string>>
    expect(bundled).toEqual(expect.arrayContaining(Object.keys(dependencies)))
    expect(bundled.filter((name) => name in devDependencies)).toEqual([])
  })
})

describe('the units', () => {
  const names = ['agent', 'controller', 'guard', 'planner', 'repair', 'rtr'].map(
    (name) => `anyward-${name}.service`,
  )

  test('are valid for systemd-analyze verify, line by line', async () => {
    for (const name of names) {
      // Only these units are checked. The programs that they name are not installed at their final path.
      const env = { SYSTEMD_UNIT_PATH: `${join(tree, units)}:` }
      const args = ['verify', '--man=no', '--recursive-errors=no', join(tree, units, name)]
      const { all } = await run('systemd-analyze', args, env)
      const complaints = all
        .split('\n')
        .filter((line) => line !== '' && !line.includes('Command /usr/bin/anyward is not executable'))
      expect(complaints, name).toEqual([])
    }
  })

  test('with an unknown setting would fail that check', async () => {
    const bad = join(dir, 'anyward-bad.service')
    const copy = (await readFile(join(tree, units, 'anyward-rtr.service'), 'utf8')).replace(
      'ProtectSystem=',
      'ProtectSytem=',
    )
    await writeFile(bad, copy)
    const { all } = await run('systemd-analyze', ['verify', '--man=no', '--recursive-errors=no', bad])
    expect(all).toMatch(/Unknown key (?:name )?'ProtectSytem'/)
  })

  test.each([
    ['anyward-agent.service', 6.0],
    ['anyward-controller.service', 2.0],
    ['anyward-guard.service', 2.0],
    ['anyward-planner.service', 2.0],
    ['anyward-rtr.service', 1.5],
  ])('%s: its exposure is at most %f by systemd-analyze security', async (name, most) => {
    const args = [`--root=${tree}`, 'security', '--offline=true', '--no-pager', name]
    const { all } = await run('systemd-analyze', args)
    const level = /Overall exposure level for \S+: (\d+\.\d)/.exec(all)?.[1]
    expect(level, all).toBeDefined()
    expect(Number(level)).toBeLessThanOrEqual(most)
  })

  test.each([
    ['bird', 'rm -f'],
    ['frr', 'apply --clean'],
  ])(
    'the drop-in for the unit of %s is valid, and never prevents the daemon from starting',
    async (name, words) => {
      const folder = join(dir, `units-${name}`)
      await mkdir(join(folder, `${name}.service.d`), { recursive: true })
      const unit = join(folder, `${name}.service`)
      await writeFile(unit, '[Service]\nType=oneshot\nExecStart=/usr/bin/true\n')
      const addition = await readFile(join(tree, units, `${name}.service.d/anyward.conf`), 'utf8')
      await writeFile(join(folder, `${name}.service.d/anyward.conf`), addition)
      const env = { SYSTEMD_UNIT_PATH: `${folder}:` }
      const args = ['verify', '--man=no', '--recursive-errors=no', unit]
      expect((await run('systemd-analyze', args, env)).all).toBe('')
      const commands = addition.split('\n').filter((line) => line.startsWith('Exec'))
      expect(commands).toHaveLength(1)
      // Its failure is ignored, and it ends: rm by itself, our own program through `timeout`.
      expect(commands[0]).toMatch(
        /^ExecStartPre=-\/usr\/bin\/(?:rm -f |timeout --kill-after=1s 30s \/usr\/bin\/anyward )/,
      )
      expect(commands[0]).toContain(words)
    },
  )

  test('are neither enabled nor started by the installation', async () => {
    const control = join(dir, 'scripts')
    await execa('dpkg-deb', ['--control', packages[0], control])
    const postinst = await readFile(join(control, 'postinst'), 'utf8')
    expect(postinst).not.toMatch(
      /systemctl (?:--\S+ )*(?:enable|start|restart)|deb-systemd-(?:helper|invoke)/,
    )
  })
})

describe('the manual page and the completion', () => {
  test('man renders the page without a warning, and the page lists every command', async () => {
    const page = join(tree, 'usr/share/man/man1/anyward.1.gz')
    const env = { MANWIDTH: '80', LC_ALL: 'C.UTF-8', MAN_KEEP_FORMATTING: '' }
    const shown = await execa('man', ['--warnings', '-l', page], { env, stdin: 'ignore' })
    expect(shown.stderr).toBe('')
    for (const words of ['lab run', '--after-stop', 'explain [options] node neighbor', 'EXIT STATUS']) {
      expect(shown.stdout.replaceAll('‐', '-')).toContain(words)
    }
  })

  test('bash completes commands, subcommands, options and their values', async () => {
    const script = join(tree, 'usr/share/bash-completion/completions/anyward')
    expect(await run('bash', ['-n', script])).toEqual({ all: '', exitCode: 0 })
    const complete = async (...words: string[]) => {
      const program =
        // biome-ignore lint/suspicious/noTemplateCurlyInString: it is the shell's
        'source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _anyward; printf "%s\\n" "${COMPREPLY[@]}"'
      return (await execa('bash', ['-c', program, 'bash', script, 'anyward', ...words])).stdout.split('\n')
    }
    expect(await complete('contr')).toEqual(['controller'])
    expect(await complete('lab', '')).toEqual(['up', 'run', 'rollout', 'down'])
    expect(await complete('explain', '--origin', 'i')).toEqual(['igp', 'incomplete'])
    expect(await complete('controller', '--bu')).toEqual(['--bundle'])
  })
})
