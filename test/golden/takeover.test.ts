import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { execa } from 'execa'
import { describe, expect, test } from 'vitest'
import { findMissingPrograms } from '../../src/linux/programs.ts'
import { noAnswers } from '../../src/plan/init/answers.ts'
import { takeSessions } from '../../src/plan/init/take-sessions.ts'
import { writeFleetFile, writeSiteFile } from '../../src/plan/init/yaml.ts'
import { readConfig } from '../../src/plan/service/init/read-config.ts'
import { parseFleet } from '../../src/plan/sites/parse.ts'
import { birdErrors } from '../bird-errors.ts'

const missing = await findMissingPrograms(['bird', 'bgpd'])
/** The daemons may be missing on a laptop, not in CI. */
const isUncheckable = missing.length > 0 && process.env.CI !== 'true'
const folder = join(import.meta.dirname, 'takeover')
const samples = readdirSync(folder).filter((name) => name.endsWith('.conf'))
const relative = (text: string) => text.replaceAll(`${folder}/`, '')

function take(sample: string) {
  const found = readConfig(join(folder, sample), null)
  const answers = {
    ...noAnswers,
    asn: String(found.asn),
    site: 'fra1',
    node: 'fra1-a',
    daemon: found.daemon,
    routerId: found.routerId!,
    anycast: ['198.51.100.1/32'],
    covering: ['198.51.100.0/24'],
    allow: ['198.51.100.0/24'],
    interface: 'wg0',
    port: '51820',
    publicKey: 'F7ZBixmXQ7ENlfBSvl2C277ZfjW8oy6gumYftCfg4Ao=',
    tunnelAddress: ['10.80.0.1/16'],
    probeAddress: '10.80.255.254',
  }
  const taken = takeSessions(answers, found, new Map())
  const left = taken.left.map(({ file, line, text, reason }) => `${file}:${line} ${text}\n    ${reason}\n`)
  return { ...taken, text: writeSiteFile(taken.answers), left: relative(left.join('')) }
}

test.each(samples)(
  'what is taken over from %s, and what is left, matches the golden files',
  async (sample) => {
    const { text, left } = take(sample)
    const name = sample.replace('.conf', '')
    await expect(text).toMatchFileSnapshot(join(folder, 'out', `${name}.yaml`))
    await expect(left).toMatchFileSnapshot(join(folder, 'out', `${name}.left`))
  },
)

test.each(samples)('the YAML of %s is valid, and has no password', (sample) => {
  const { answers, text, left } = take(sample)
  const { fleet, issues } = parseFleet([
    { name: 'fleet.yaml', text: writeFleetFile(answers) },
    { name: 'fra1.yaml', text },
  ])
  expect(issues.filter(({ severity }) => severity === 'error')).toEqual([])
  expect(fleet!.sites[0]!.nodes[0]!.neighbors.length).toBeGreaterThan(0)
  expect(`${text}${left}`).not.toContain('never-show-this')
})

describe.skipIf(isUncheckable)('the samples', () => {
  test.each(samples.filter((name) => name.startsWith('bird')))('%s is valid for BIRD', async (sample) => {
    const result = await execa('bird', ['-p', '-c', join(folder, sample)], { reject: false })
    expect(birdErrors(result.stderr)).toBe('')
    expect(result.exitCode).toBe(0)
  })

  test.each(samples.filter((name) => name.startsWith('frr')))(
    '%s has lines that bgpd knows',
    async (sample) => {
      const args = ['-C', '-f', join(folder, sample)]
      const { stdout, stderr } = await execa('/usr/lib/frr/bgpd', args, { reject: false })
      // bgpd does not know the lines of the other daemons.
      const unknown = [...`${stdout}${stderr}`.matchAll(/config line \d+: ?(.*)/g)].map(([, line]) =>
        line!.trim(),
      )
      expect(unknown.filter((line) => /^(?:neighbor \S+ |bgp|router bgp|address-family)/.test(line))).toEqual(
        [],
      )
    },
  )
})
