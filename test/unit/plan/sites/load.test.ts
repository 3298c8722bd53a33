import { mkdir, mkdtemp, open, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { execa } from 'execa'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Lexer } from 'yaml'
import { FleetFolderError } from '../../../../src/plan/sites/folder-error.ts'
import { loadFleet, requireFleet } from '../../../../src/plan/sites/load.ts'
import { ConfigError, formatIssue } from '../../../../src/text/issue.ts'
import { base } from '../../../invalid/base.ts'

let dir: string

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'anyward-sites-'))
  for (const [name, text] of Object.entries(base)) await writeFile(join(dir, name), text)
})

afterEach(async () => {
  await rm(dir, { recursive: true, force: true })
})

/** Removes the name of the temporary folder. */
async function issues(): Promise<string[]> {
  const loaded = await loadFleet(dir)
  return loaded.issues.map((issue) => formatIssue(issue).replaceAll(`${dir}/`, '').replace('\n    ', '\n'))
}

test('a folder with fleet.yaml and sites is read as a fleet, with the sites sorted by name', async () => {
  const { fleet, issues } = await loadFleet(dir)
  expect(issues).toEqual([])
  expect(fleet?.sites.map((site) => site.name)).toEqual(['ams1', 'fra1'])
})

test('the example fleet has no issue', async () => {
  const { fleet, issues } = await loadFleet('sites')
  expect(issues).toEqual([])
  expect(fleet?.sites.map((site) => site.name)).toEqual(['ams1', 'fra1', 'nyc1'])
})

test('files are named relative to the current folder', async () => {
  await writeFile(join(dir, 'fra1.yaml'), '')
  const here = relative(process.cwd(), dir)
  const { issues } = await loadFleet(`./${here}/`)
  expect(issues.map((issue) => issue.file)).toEqual([`${here}/fra1.yaml`])
})

test('a missing folder is an issue', async () => {
  const missing = join(dir, 'nowhere')
  const error = await loadFleet(missing).catch((error: unknown) => error)
  expect(error).toBeInstanceOf(FleetFolderError)
  expect(error).toMatchObject({ dir: missing, reason: 'there is no such file or folder' })
})

test('a file in place of the folder is an issue', async () => {
  await expect(loadFleet(join(dir, 'fleet.yaml'))).rejects.toMatchObject({ reason: 'it is not a folder' })
})

test('a folder without fleet.yaml is an issue that names the missing file', async () => {
  await rm(join(dir, 'fleet.yaml'))
  expect(await issues()).toEqual([
    'fleet.yaml:1:1 there is no such file\nit contains the settings that all sites share: asn, services',
  ])
})

test('fleet.yml is not read as a site', async () => {
  await rm(join(dir, 'fleet.yaml'))
  await writeFile(join(dir, 'fleet.yml'), base['fleet.yaml']!)
  expect(await issues()).toEqual([
    'fleet.yml:1:1 shared settings are read from fleet.yaml only\nrename it to fleet.yaml, or move it to another folder',
  ])
})

test('circular symbolic links are an issue', async () => {
  await symlink('b.yaml', join(dir, 'a.yaml'))
  await symlink('a.yaml', join(dir, 'b.yaml'))
  expect(await issues()).toEqual([
    'a.yaml:1:1 cannot be read: its symbolic links form a loop',
    'b.yaml:1:1 cannot be read: its symbolic links form a loop',
  ])
})

test('a folder, a FIFO and a device are not read as files', async () => {
  await mkdir(join(dir, 'a.yaml'))
  await execa('mkfifo', [join(dir, 'b.yaml')])
  await symlink('/dev/zero', join(dir, 'c.yaml'))
  expect(await issues()).toEqual(
    ['a', 'b', 'c'].map((name) => `${name}.yaml:1:1 is not a file\nmove it out of the folder`),
  )
})

test('a file of 100 MiB is not read', async () => {
  const file = await open(join(dir, 'big.yaml'), 'w')
  await file.truncate(100 * 1024 * 1024)
  await file.close()
  expect(await issues()).toEqual([
    'big.yaml:1:1 is 100 MiB long\nat most 4 MiB are read: move it out of the folder if it is not a site',
  ])
})

test('a file that is not UTF-8 is an issue', async () => {
  await writeFile(join(dir, 'a.yaml'), Buffer.from('site: \xff\xfe', 'latin1'))
  expect(await issues()).toEqual(['a.yaml:1:1 is not UTF-8\nsave it as UTF-8'])
})

test('a byte order mark is ignored', async () => {
  await writeFile(join(dir, 'fra1.yaml'), `\ufeff${base['fra1.yaml']}`)
  expect(await issues()).toEqual([])
})

test('dot files and other names are ignored', async () => {
  await symlink('user@host.1', join(dir, '.#fra1.yaml'))
  await writeFile(join(dir, 'fra1.yaml~'), '][')
  await writeFile(join(dir, 'README.md'), '][')
  expect(await issues()).toEqual([])
})

test('requireFleet throws all issues at once', async () => {
  await writeFile(join(dir, 'fra1.yaml'), '')
  await writeFile(join(dir, 'ams1.yaml'), '')
  const error = await requireFleet(dir).catch((error: unknown) => error)
  expect(error).toBeInstanceOf(ConfigError)
  expect((error as ConfigError).issues).toHaveLength(2)
})

test('requireFleet does not run the parser for places, even with a warning', async () => {
  const peer = '      - { name: peer1, kind: peer, asn: 64603, address: 10.2.1.5 }\n'
  await writeFile(join(dir, 'ams1.yaml'), `${base['ams1.yaml']}${peer}`)
  expect(await issues()).toEqual([expect.stringContaining('ams1.yaml:10:9 warning: ')])
  const lex = vi.spyOn(Lexer.prototype, 'lex')
  try {
    await requireFleet(dir)
    expect(lex).not.toHaveBeenCalled()
  } finally {
    lex.mockRestore()
  }
})

test('1,000 more sites are read, sorted by name, and one error among them is found', async () => {
  const names = Array.from({ length: 1000 }, (_, index) => `s${String(index).padStart(3, '0')}`)
  for (const [index, name] of names.entries()) {
    const text = base['ams1.yaml']!.replaceAll('ams1', name).replace(
      '10.0.0.21',
      `10.3.${index >> 8}.${index & 255}`,
    )
    await writeFile(join(dir, `${name}.yaml`), text)
  }
  const { fleet, issues: none } = await loadFleet(dir)
  expect(none).toEqual([])
  expect(fleet?.sites.map((site) => site.name)).toEqual(['ams1', 'fra1', ...names])

  await writeFile(join(dir, 's777.yaml'), base['ams1.yaml']!.replaceAll('ams1', 's777'))
  expect(await issues()).toEqual([
    's777.yaml:5:15 nodes[0].routerId: "10.0.0.21" is already used by ams1.yaml nodes[0].routerId\ntwo speakers with the same BGP identifier refuse each other (RFC 6286): give each node a unique one',
  ])
}, 120_000)
