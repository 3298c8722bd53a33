import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { execa } from 'execa'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { patience } from '../../patience.ts'

const collection = resolve('scripts/ansible')
const limitMs = patience(300_000)
let dir: string
let env: Record<string, string>

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'ansible-'))
  // Ansible reads the settings of a user.
  env = {
    HOME: dir,
    ANSIBLE_NOCOLOR: '1',
    ANSIBLE_REMOTE_TMP: join(dir, 'tmp'),
    NO_COLOR: '1',
    PATH: `/usr/bin:${process.env.PATH}`,
  }
  const { exitCode, all } = await run('ansible-galaxy', ['collection', 'install', collection])
  expect(exitCode, all).toBe(0)
}, limitMs)
afterAll(() => rm(dir, { recursive: true, force: true }))

function run(program: string, args: readonly string[], cwd = dir) {
  return execa(program, args, { env, cwd, stdin: 'ignore', timeout: limitMs, reject: false, all: true })
}

test(
  'the collection passes ansible-lint with the rules for production',
  async () => {
    const args = ['--offline', '--nocolor', '--strict', '--profile', 'production']
    const { exitCode, all } = await run('ansible-lint', args, collection)
    expect(exitCode, all).toBe(0)
  },
  limitMs,
)

/** What it installs goes into memory, and is gone afterwards. */
const withoutTrace = `set -e
top=$1
shift
mount -t tmpfs tmpfs "$top"
for one in usr etc var; do
  mkdir -p "$top/$one/upper" "$top/$one/work"
  mount -t overlay overlay -o "lowerdir=/$one,upperdir=$top/$one/upper,workdir=$top/$one/work" "/$one"
done
dpkg -i "$1" >&2
shift
for round in first second; do
  echo "$round"
  "$@"
done
dpkg-query -W -f '\${db:Status-Status}\\n' anyward
find /etc/systemd -name 'anyward*'`

test(
  'the role install installs the package file once, and enables nothing',
  async () => {
    const { stdout: deb } = await execa('scripts/package', ['--out', dir], { stdin: 'ignore' })
    // Anyward's own Node is of no package here.
    const node = join(dir, 'nodejs')
    await mkdir(join(node, 'DEBIAN'), { recursive: true })
    const control = ['Package: nodejs', 'Version: 20.19.0', 'Architecture: all', 'Maintainer: none']
    await writeFile(join(node, 'DEBIAN/control'), `${[...control, 'Description: none'].join('\n')}\n`)
    await execa('dpkg-deb', ['--build', node, `${node}.deb`])
    const inventory = join(dir, 'inventory.json')
    const vars = {
      ansible_connection: 'local',
      ansible_become: false,
      ansible_python_interpreter: '/usr/bin/python3',
      anyward_deb: deb,
    }
    await writeFile(inventory, JSON.stringify({ anyward: { hosts: { here: vars } } }))
    const top = join(dir, 'top')
    await mkdir(top)
    const play = ['ansible-playbook', '-i', inventory, 'anyward.node.install']
    const shell = ['--mount', 'sh', '-c', withoutTrace, 'sh', top, `${node}.deb`, ...play]
    const { exitCode, stdout, all } = await run('unshare', shell)
    expect(exitCode, all).toBe(0)
    const changed = [...stdout.matchAll(/^here +: ok=.* changed=(\d+) /gm)].map(([, count]) => Number(count))
    expect(changed, all).toEqual([2, 0])
    // The last line: there is no link to a unit.
    expect(stdout.trimEnd().split('\n').at(-1), all).toBe('installed')
  },
  limitMs,
)
