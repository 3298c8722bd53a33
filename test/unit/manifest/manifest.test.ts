import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Manifest, readManifestValue } from '../../../src/manifest/manifest.ts'
import { formatProblem } from '../../../src/text/shape.ts'

const golden = ['fra1/fra1-a', 'ams1/ams1-a', 'nyc1/nyc1-a'].map((node) =>
  readFileSync(join(import.meta.dirname, `../../golden/example/out/${node}/manifest.json`), 'utf8'),
)
const good = () => JSON.parse(golden[0]!) as Manifest

type Step = string | number

/** A copy of the first golden manifest with that value at that path. */
function withValue(path: readonly Step[], value: unknown): unknown {
  const copy = good() as unknown as Record<Step, unknown>
  let at = copy
  for (const step of path.slice(0, -1)) at = at[step] as Record<Step, unknown>
  // As in JSON.parse: an own property, whatever its name.
  Object.defineProperty(at, path.at(-1)!, { value, enumerable: true, configurable: true, writable: true })
  return copy
}

function problemsOf(raw: unknown): string[] {
  const read = readManifestValue(raw)
  return read.ok ? [] : read.problems.map(formatProblem)
}

const probe = ['services', 0, 'probe']

describe('a manifest', () => {
  test.each(golden)('written by plan is read without a change', (text) => {
    const read = readManifestValue(JSON.parse(text))
    expect(read).toEqual({ ok: true, value: JSON.parse(text) })
  })

  test.each<[readonly Step[], unknown, string]>([
    [[...probe, 'intervalMs'], 1e21, 'services.0.probe.intervalMs: 1e+21 is not from 30 to 60000'],
    [[...probe, 'intervalMs'], 0, 'services.0.probe.intervalMs: 0 is not from 30 to 60000'],
    [
      [...probe, 'intervalMs'],
      200.5,
      'services.0.probe.intervalMs: expected a whole number from 30 to 60000, got 200.5',
    ],
    [
      [...probe, 'timeoutMs'],
      null,
      'services.0.probe.timeoutMs: expected a whole number from 10 to 60000, got null',
    ],
    [[...probe, 'fall'], -1, 'services.0.probe.fall: -1 is not from 1 to 1000'],
    [
      [...probe, 'window', 'maxLoss'],
      1e9,
      'services.0.probe.window.maxLoss: 1000000000 is not from 0.01 to 1',
    ],
    [
      [...probe, 'holdDown', 'maxMs'],
      1e12,
      'services.0.probe.holdDown.maxMs: 1000000000000 is not from 0 to 86400000',
    ],
    [['services', 0, 'deadManMs'], 2 ** 31, 'services.0.deadManMs: 2147483648 is not from 1000 to 3600000'],
    [
      ['services', 0, 'drain', 'limitMs'],
      1e300,
      'services.0.drain.limitMs: 1e+300 is not from 0 to 86400000',
    ],
    [['services', 0, 'wireguard', 'port'], 70_000, 'services.0.wireguard.port: 70000 is not from 1 to 65535'],
    [['asn'], 2 ** 32, 'asn: 4294967296 is not from 1 to 4294967294'],
    [
      ['services', 0, 'name'],
      '__proto__',
      'services.0.name: "__proto__" is not a name: at most 32 of a-z, 0-9 and single dashes',
    ],
    [
      ['services', 0, 'name'],
      'vpn\nup',
      'services.0.name: "vpn\\nup" is not a name: at most 32 of a-z, 0-9 and single dashes',
    ],
    [['files', '__proto__'], 'abc', 'files.__proto__: is not a name'],
    [['__proto__'], {}, '__proto__: is not a known field'],
    [['a\nb'], 1, '"a\\nb": is not a known field'],
    [
      ['paths', 'runtimeDir'],
      '/run/any\0ward',
      'paths.runtimeDir: "/run/any\\u0000ward" has control characters',
    ],
    [['paths', 'stateDir'], 'var/lib', 'paths.stateDir: "var/lib" is not an absolute path'],
    [
      [...probe, 'privateKeyFile'],
      '/etc/\nkey',
      'services.0.probe.privateKeyFile: "/etc/\\nkey" has control characters',
    ],
    [
      ['services', 0, 'wireguard', 'interface'],
      '../wg0',
      'services.0.wireguard.interface: "../wg0" is not an interface name',
    ],
    [
      ['neighbors', 0, 'protocol'],
      'x;down',
      'neighbors.0.protocol: "x;down" is not the name of a BIRD protocol',
    ],
    [['neighbors', 0, 'address'], '10.0.0.1\n', 'neighbors.0.address: "10.0.0.1\\n" is not an IP address'],
    [
      ['listen', 0],
      'x:99999',
      'listen.0: "x:99999" is not an address and a port, such as 127.0.0.1:9586 or [::1]:9586',
    ],
    [
      ['neighbors', 1, 'name'],
      good().neighbors[0]!.name,
      `neighbors.1.name: "${good().neighbors[0]!.name}" is not unique`,
    ],
    [
      ['maintenance'],
      [{ cron: '* * * * * *', durationMs: 60_000, timezone: 'UTC' }],
      'maintenance.0.cron: "* * * * * *" is not a schedule of five fields',
    ],
    [
      ['maintenance'],
      [{ cron: '0 3 * * *', durationMs: 60_000, timezone: 'Mars/Base' }],
      'maintenance.0.timezone: "Mars/Base" is not a time zone',
    ],
  ])('with an invalid value at %j is refused: %j', (path, value, problem) => {
    expect(problemsOf(withValue(path, value))).toEqual([problem])
  })

  test('with an invalid number in a side check is refused with the path of the number', () => {
    const pace = { intervalMs: 5000, timeoutMs: 2000, rise: 2, fall: 3 }
    const command = { ...pace, argv: ['bin/check'], intervalMs: Number.MAX_SAFE_INTEGER }
    expect(problemsOf(withValue([...probe, 'command'], command))).toEqual([
      'services.0.probe.command.intervalMs: 9007199254740991 is not from 1000 to 3600000',
      'services.0.probe.command.argv: has no program by its absolute path',
    ])
  })

  /** Every leaf and branch of the golden manifest. */
  const places = (function list(at: unknown, path: readonly Step[] = []): (readonly Step[])[] {
    if (typeof at !== 'object' || at === null) return [path]
    const inner = Array.isArray(at)
      ? at.flatMap((value, index) => list(value, [...path, index]))
      : Object.entries(at).flatMap(([key, value]) => list(value, [...path, key]))
    return path.length === 0 ? inner : [path, ...inner]
  })(good())
  const hostile = fc.oneof(
    fc.constantFrom<unknown>(
      1e21,
      -1,
      2 ** 31,
      0.5,
      '',
      '\0',
      '/a\0b',
      'a\nb',
      '__proto__',
      '../x',
      '\u2028',
      '@',
      null,
    ),
    fc.double(),
    fc.string({ unit: 'binary' }),
    fc.jsonValue(),
  )

  test('of any content never yields a timer, a path or a log line that is out of bounds', () => {
    fc.assert(
      fc.property(fc.constantFrom(...places), hostile, (path, value) => {
        const read = readManifestValue(withValue(path, value))
        if (read.ok) expectSound(read.value)
        // biome-ignore lint/suspicious/noControlCharactersInRegex: the test searches for them
        else for (const each of read.problems) expect(formatProblem(each)).not.toMatch(/[\0-\x1f\x7f\u2028]/)
      }),
      { numRuns: 3000 },
    )
  })
})

/** Every value that was accepted is within bounds. */
function expectSound(value: unknown): void {
  if (typeof value === 'number') expect(Math.abs(value)).toBeLessThanOrEqual(2 ** 32)
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the test searches for them
  if (typeof value === 'string') expect(value).not.toMatch(/[\0-\x1f\x7f\u2028]/)
  if (typeof value !== 'object' || value === null) return
  expect([Object.prototype, Array.prototype]).toContain(Object.getPrototypeOf(value))
  for (const [key, inner] of Object.entries(value)) {
    expect(key).not.toBe('__proto__')
    expectSound(inner)
  }
}
