import { readFile } from 'node:fs/promises'
import { execa } from 'execa'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

// Each is created in a namespace that ends with the tests.
const namespace = 'kernel-own'
const ip = (...words: string[]) => execa('ip', ['-n', namespace, ...words])
const inside = (...argv: string[]) => execa('ip', ['netns', 'exec', namespace, ...argv])

beforeAll(async () => {
  await execa('ip', ['netns', 'add', namespace])
  await ip('link', 'set', 'lo', 'up')
})
afterAll(() => execa('ip', ['netns', 'delete', namespace]))

test('systemd is process 1', async () => {
  expect((await readFile('/proc/1/comm', 'utf8')).trim()).toBe('systemd')
})

describe('the kernel of the guest', () => {
  test.each([
    ['wireguard', []],
    ['dummy', []],
    ['vrf', ['table', '100']],
  ])('has interfaces of type %s', async (type, options) => {
    await ip('link', 'add', 'k0', 'type', type, ...options)
    expect((await ip('-d', 'link', 'show', 'k0')).stdout).toContain(type)
    await ip('link', 'delete', 'k0')
  })

  test('delays packets by netem', async () => {
    await inside('tc', 'qdisc', 'add', 'dev', 'lo', 'root', 'netem', 'delay', '50ms')
    const { stdout } = await inside('ping', '-c', '3', '-i', '0.2', '127.0.0.1')
    const fastest = Number(/= ([\d.]+)\//.exec(stdout)![1])
    // The echo and its reply both leave through lo.
    expect(fastest, stdout).toBeGreaterThanOrEqual(100)
    await inside('tc', 'qdisc', 'delete', 'dev', 'lo', 'root')
  })

  test('logs packets to a group of NFLOG', async () => {
    const rules = 'table inet k {\n chain c {\n type filter hook output priority 0\n log group 77\n }\n}\n'
    await execa('ip', ['netns', 'exec', namespace, 'nft', '-f', '-'], { input: rules })
    expect((await inside('nft', 'list', 'ruleset')).stdout).toContain('log group 77')
    await inside('nft', 'delete', 'table', 'inet', 'k')
  })
})
