import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { readBundle } from '../../../src/bundle/read.ts'
import { fillSecrets } from '../../../src/bundle/secrets.ts'
import { secretToken } from '../../../src/manifest/secret-token.ts'
import { ConfigError } from '../../../src/text/issue.ts'

const golden = join(import.meta.dirname, '../../golden/example/out/fra1/fra1-a')
let dir: string

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'anyward-test-'))
  await cp(golden, dir, { recursive: true })
})
afterEach(() => rm(dir, { recursive: true, force: true }))

async function messageOf(reading: Promise<unknown>): Promise<string> {
  const error = await reading.then(
    () => null,
    (reason: unknown) => reason,
  )
  expect(error).toBeInstanceOf(ConfigError)
  return (error as ConfigError).message.replaceAll(dir, 'DIR')
}

async function spoil(change: (text: string) => string): Promise<void> {
  const file = join(dir, 'manifest.json')
  await writeFile(file, change(await readFile(file, 'utf8')))
}

describe('a bundle', () => {
  test('is read back unchanged', async () => {
    expect((await readBundle(dir)).node).toBe('fra1-a')
  })

  test('with a truncated manifest is refused', async () => {
    await spoil((text) => text.slice(0, text.length / 2))
    expect(await messageOf(readBundle(dir))).toBe(
      'DIR/manifest.json:1:1 is truncated\n    run `anyward plan` again and copy the whole folder',
    )
  })

  test('with an invalid manifest is refused, with the path of each error', async () => {
    await spoil((text) => text.replace('"format": 1', '"format": 9').replace('"routerId"', '"routerID"'))
    const message = await messageOf(readBundle(dir))
    expect(message).toContain('format: ')
    expect(message).toContain('routerId: ')
    expect(message).toContain('routerID')
  })

  test('failure 18: whose manifest would inject a line into a command is refused, with its path', async () => {
    await spoil((text) => text.replace('"prefixes": [', '"prefixes": [\n"192.0.2.0/24\\nno router bgp",'))
    const message = await messageOf(readBundle(dir))
    expect(message).toContain(
      'prefixes.0: "192.0.2.0/24\\nno router bgp" has a prefix length that is not 0 to 32',
    )
  })

  test('failure 18: with invalid names is refused, with the path of each', async () => {
    await spoil((text) => text.replaceAll(/"(name|protocol|address)": "/g, '"$1": "a\\n'))
    const message = await messageOf(readBundle(dir))
    expect(message).toContain('neighbors.0.name: "a\\n')
    expect(message).toContain('neighbors.0.protocol: "a\\n')
    expect(message).toContain('neighbors.0.address: "a\\n')
    expect(message).toContain('services.0.name: "a\\n')
  })

  test('with a file that was edited is refused', async () => {
    await writeFile(join(dir, 'bird.conf'), 'router id 10.0.0.99;\n')
    expect(await messageOf(readBundle(dir))).toContain(
      'DIR/bird.conf:1:1 does not match its hash in the manifest',
    )
  })

  test('without its manifest is refused, with the folder that is expected', async () => {
    await rm(join(dir, 'manifest.json'))
    expect(await messageOf(readBundle(dir))).toBe(
      'DIR/manifest.json:1:1 is missing\n    name the folder of one node: OUT/<site>/<node>',
    )
  })

  test('contains no secret, only its path', async () => {
    const config = await readFile(join(golden, 'bird.conf'), 'utf8')
    expect(config).toContain('password "@anyward-secret:/etc/anyward/fra1-transit.password@";')
  })
})

describe('a secret', () => {
  test('is inserted from its file', async () => {
    const file = join(dir, 'password')
    await writeFile(file, 's3cret\n')
    expect(await fillSecrets(`password "${secretToken(file)}";`)).toBe('password "s3cret";')
  })

  test.each(['bgp@transit1.password', '@', 'a@b@', 'x@anyward-secret:y@'])(
    'is read from the file with exactly that path: %s',
    async (name) => {
      for (const part of ['bgp', 'a', 'x']) await writeFile(join(dir, part), 'wrong\n')
      await writeFile(join(dir, name), 's3cret\n')
      const token = secretToken(join(dir, name))
      expect(await fillSecrets(`  password "${token}";\n`)).toBe('  password "s3cret";\n')
      expect(await fillSecrets(` neighbor 10.0.0.1 password ${token}\n`)).toBe(
        ' neighbor 10.0.0.1 password s3cret\n',
      )
    },
  )

  test.each(['/etc/a b', '/etc/a"b', '/etc/a\nb', 'etc/a'])(
    'has no token for a path that could end the token: %j',
    (file) => {
      expect(() => secretToken(file)).toThrow(TypeError)
    },
  )

  test.each(['', 'two\nlines\n', 'a"; router id 1.1.1.1; #', 'with space', 'x'.repeat(81)])(
    'that could end a line or a string is refused, and not printed: %j',
    async (password) => {
      const file = join(dir, 'password')
      await writeFile(file, password)
      const message = await messageOf(fillSecrets(`password "${secretToken(file)}";`))
      expect(message).toContain('DIR/password:1:1 is not one line of 1 to 80')
      if (password !== '') expect(message).not.toContain(password)
    },
  )

  test('whose file is missing is an error that names the file', async () => {
    expect(await messageOf(fillSecrets(secretToken('/nowhere/password')))).toContain(
      '/nowhere/password:1:1 cannot be read (ENOENT)',
    )
  })
})
