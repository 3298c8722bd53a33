import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { scenarioNames } from '../../../src/lab/scenario/names.ts'
import { scenarios } from '../../../src/lab/scenario/scenarios.ts'

const script =
  "import { listStartModules } from './scripts/bundle.mjs'; console.log(JSON.stringify(await listStartModules()))"

test('--version and --help load the commands’ descriptions, and of the packages commander alone', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script])
  const modules = JSON.parse(stdout) as string[]
  const packages = modules.flatMap((id) => /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(id)?.[1] ?? [])
  expect([...new Set(packages)]).toEqual(['commander'])
  const rooms = modules.flatMap((id) => /^src\/([^/]+)/.exec(id)?.[1] ?? [])
  expect([...new Set(rooms)].sort()).toEqual(['cli', 'lab', 'net', 'text'])
})

test('the help of lab names every scenario, in order', () => {
  expect(scenarios.map(({ name }) => name)).toEqual(scenarioNames)
})
