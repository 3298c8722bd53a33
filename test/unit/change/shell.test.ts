import { execFileSync } from 'node:child_process'
import {
  appendFileSync,
  chmodSync,
  cpSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { packTar, unpackTar } from '../../../src/bundle/tar.ts'
import { sshShell } from '../../../src/change/shell/node-shell.ts'
import { quoteArgument, quoteCommand } from '../../../src/change/shell/quote.ts'
import { ShellTransport } from '../../../src/change/shell/shell-transport.ts'
import { hashOf } from '../../../src/files/hash.ts'
import { patience } from '../../patience.ts'

const target = { node: 'fra1-a', host: 'fra1-a' }
const path = process.env.PATH
let dir: string

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'rollout-shell-'))
  process.env.PATH = `${dir}:${path}`
})
afterEach(() => {
  process.env.PATH = path
  rmSync(dir, { recursive: true })
})

function program(name: string, script: string): void {
  writeFileSync(join(dir, name), `#!/bin/sh\n${script}\n`)
  chmodSync(join(dir, name), 0o755)
}

/** As ssh does: its last argument is what the shell of the node parses. */
const asSsh = 'for last; do :; done; exec sh -c "$last"'

describe('arguments for the shell of a node', () => {
  test.each(["it's", '$(reboot)', '`id`', 'a b', '', '-rf', 'x\ny', '; rm -rf /', "'", '"', '*', '\\', 'é'])(
    'arrive as they are: %j',
    (argument) => {
      const command = quoteCommand(['printf', '%s.', argument, argument])
      expect(execFileSync('sh', ['-c', command], { encoding: 'utf8' })).toBe(`${argument}.${argument}.`)
    },
  )

  test('arrive as they are, whatever they contain', () => {
    const argument = fc
      .string({ unit: 'binary' })
      .filter((text) => !text.includes('\0') && Buffer.from(text).toString() === text)
    fc.assert(
      fc.property(fc.array(argument, { minLength: 1, maxLength: 4 }), (args) => {
        const command = quoteCommand(['printf', '%s\\0', ...args])
        expect(execFileSync('sh', ['-c', command], { encoding: 'utf8' })).toBe(
          args.map((one) => `${one}\0`).join(''),
        )
      }),
      { numRuns: 20 },
    )
    expect(() => quoteArgument('a\0b')).toThrow(RangeError)
  })

  test('of hostile names reach the program on the node through ssh', async () => {
    program('ssh', asSsh)
    const args = ['$(touch /tmp/x)', "'; reboot; '", '--', 'a\nexit 7\n']
    const reply = await sshShell(target, ['printf', '%s|', ...args], { timeoutMs: patience(10_000) })
    expect(reply).toMatchObject({ code: 0, stdout: args.map((one) => `${one}|`).join('') })
  })

  test('a host name that looks like an option is none', async () => {
    program('ssh', `printf '%s\\n' "$@" >${dir}/argv; ${asSsh}`)
    await sshShell({ node: 'x', host: '-oProxyCommand=reboot' }, ['true'], { timeoutMs: patience(10_000) })
    const argv = execFileSync('cat', [join(dir, 'argv')], { encoding: 'utf8' }).split('\n')
    expect(argv.slice(0, argv.indexOf('-oProxyCommand=reboot')).at(-1)).toBe('--')
    expect(argv).toContain('BatchMode=yes')
  })
})

describe('a node that does not do what it is asked', () => {
  const hostile: [what: string, ssh: string, problem: string][] = [
    [
      'cannot be reached',
      'echo "ssh: connect to host fra1-a port 22: Connection refused" >&2; exit 255',
      'fra1-a cannot be reached: ssh: connect to host fra1-a port 22: Connection refused',
    ],
    ['prints without an end', 'exec yes', 'fra1-a cannot be reached: printed more than 4194304 bytes'],
    ['is cut off', 'printf "{"', 'fra1-a cut off its reply'],
    [
      'answers with control characters',
      'printf "\\033[2Jbad\\007" >&2; exit 255',
      'fra1-a cannot be reached:  [2Jbad ',
    ],
    [
      'answers with no JSON',
      "printf 'hello\\nexit 0\\n'",
      'fra1-a: anyward status: the reply is not a status of this version',
    ],
    [
      'has no anyward',
      "echo 'sh: 1: anyward: not found' >&2; printf '\\nexit 127\\n'",
      'fra1-a: anyward status: sh: 1: anyward: not found',
    ],
  ]
  test.each(hostile)('is reported: it %s', async (_what, ssh, problem) => {
    program('ssh', ssh)
    const transport = new ShellTransport(sshShell, () => '/etc/anyward/bundle')
    const seen = await transport.observe(target)
    expect(seen.outcome).toBe('unreachable')
    expect((seen as { problem: string }).problem).toContain(problem)
  })

  test('is reported with its name and the one of ssh, and with what has to work', async () => {
    program('ssh', 'echo "ssh: Could not resolve hostname rome: Name or service not known" >&2; exit 255')
    const reply = sshShell({ node: 'rome-a', host: 'rome' }, ['true'], { timeoutMs: patience(10_000) })
    await expect(reply).rejects.toMatchObject({
      message:
        'rome-a (ssh rome) cannot be reached: ssh: Could not resolve hostname rome: Name or service not known',
      cure: '`ssh NODE true` has to work without a question. Another name than that of the node is written as `ssh` in its site’s file; address, user and jump hosts are in ssh_config (docs/rollouts.md)',
    })
  })

  test('is reported if it hangs', async () => {
    program('ssh', 'exec sleep 600')
    await expect(sshShell(target, ['true'], { timeoutMs: 300 })).rejects.toThrow(
      'fra1-a cannot be reached: no answer within 300 ms',
    )
  })
})

describe('the installed bundle of a node', () => {
  const installed = 'test/golden/example/out/fra1/fra1-a'
  const inspect = () => new ShellTransport(sshShell, () => join(dir, 'bundle')).inspect(target)
  beforeEach(() => {
    program('ssh', asSsh)
    cpSync(installed, join(dir, 'bundle'), { recursive: true })
  })

  test('arrives whole, with its signature, and without what else is in its folder', async () => {
    for (const name of ['statement.json', 'statement.json.sig', 'other.key']) {
      writeFileSync(join(dir, 'bundle', name), `${name} ü\n`)
    }
    const found = (await inspect())!
    const names = [...readdirSync(installed), 'statement.json', 'statement.json.sig'].sort()
    expect([...found.files.keys()].sort()).toEqual(names)
    for (const [name, text] of found.files) expect(text).toBe(readFileSync(join(dir, 'bundle', name), 'utf8'))
    expect(found.digest).toBe(hashOf(found.files.get('manifest.json')!))
    expect(found.manifest.node).toBe('fra1-a')
  })

  test('is none if there is no folder', async () => {
    rmSync(join(dir, 'bundle'), { recursive: true })
    expect(await inspect()).toBeNull()
  })

  test.each([
    [
      'was changed',
      () => appendFileSync(join(dir, 'bundle/bird.conf'), '#'),
      'bird.conf does not match its hash',
    ],
    ['lacks a file', () => rmSync(join(dir, 'bundle/bird.conf')), 'bird.conf is missing'],
    [
      'is a link to another file',
      () => {
        rmSync(join(dir, 'bundle/bird.conf'))
        symlinkSync('/etc/shadow', join(dir, 'bundle/bird.conf'))
      },
      'the archive has something else than files',
    ],
  ])('is refused if it %s', async (_what, spoil, problem) => {
    spoil()
    await expect(inspect()).rejects.toThrow(problem)
  })
})

describe('an archive from another machine', () => {
  const files = new Map([
    ['manifest.json', '{"ü": 1}\n'],
    ['bird.conf', 'x'.repeat(1024)],
    ['empty', ''],
  ])

  test('is read as it was packed, by this program or by tar', () => {
    expect(unpackTar(Buffer.from(packTar(files)))).toEqual(files)
    for (const [name, text] of files) writeFileSync(join(dir, name), text)
    const argv = ['--format=ustar', '-cf', '-', '-C', dir, ...files.keys()]
    expect(unpackTar(execFileSync('tar', argv))).toEqual(files)
  })

  test('is refused wherever it is cut off or damaged, and never read as something else', () => {
    const whole = Buffer.from(packTar(files))
    const read = (archive: Buffer) => {
      try {
        return unpackTar(archive)
      } catch (error) {
        expect(error).toBeInstanceOf(RangeError)
        return null
      }
    }
    // Of the two blocks that end it, one suffices.
    const least = whole.length - 512
    for (let length = 0; length < least; length += 1)
      expect(read(whole.subarray(0, length)), `${length}`).toBeNull()
    fc.assert(
      fc.property(fc.nat(511), fc.integer({ min: 1, max: 255 }), (at, change) => {
        const damaged = Buffer.from(whole)
        damaged[at]! ^= change
        expect(read(damaged)).toBeNull()
      }),
    )
    fc.assert(fc.property(fc.uint8Array({ maxLength: 2048 }), (bytes) => void read(Buffer.from(bytes))))
  })

  test('with a file twice is refused', () => {
    const one = packTar(new Map([['a', '']])).subarray(0, 512)
    expect(() => unpackTar(Buffer.concat([one, one, Buffer.alloc(1024)]))).toThrow('the archive has a twice')
  })
})

test('an archive is unpacked by tar to the same files', () => {
  const files = new Map([
    ['manifest.json', '{"ü": 1}\n'],
    ['bird.conf', 'x'.repeat(1024)],
    ['empty', ''],
  ])
  execFileSync('tar', ['-xf', '-', '-C', dir], { input: packTar(files) })
  for (const [name, text] of files) {
    expect(execFileSync('cat', [join(dir, name)], { encoding: 'utf8' }), name).toBe(text)
  }
  expect(() => packTar(new Map([['x'.repeat(101), '']]))).toThrow(RangeError)
})
