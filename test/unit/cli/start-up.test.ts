import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { labFolder } from '../../../src/cli/locate-bundle.ts'
import { clientScenarios } from '../../../src/lab/scenario/client/client-scenarios.ts'
import { clientScenarioNames, scenarioNames } from '../../../src/lab/scenario/names.ts'
import { scenarios } from '../../../src/lab/scenario/scenarios.ts'
import { labDir } from '../../../src/lab/state.ts'

/** What the bundled program loads before one of these modules runs. */
async function findLoaded(...entries: string[]) {
  const script = `import { listLoadedModules } from './scripts/bundle.mjs'
    console.log(JSON.stringify(await listLoadedModules(${JSON.stringify(entries)})))`
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script])
  const modules = JSON.parse(stdout) as string[]
  const packages = modules.flatMap((id) => /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(id)?.[1] ?? [])
  return { modules, packages: [...new Set(packages)] }
}

test('--version and --help load the descriptions of the commands, and commander as the only package', async () => {
  const { modules, packages } = await findLoaded('src/cli/main.ts')
  expect(packages).toEqual(['commander'])
  const rooms = modules.flatMap((id) => /^src\/([^/]+)/.exec(id)?.[1] ?? [])
  expect([...new Set(rooms)].sort()).toEqual(['cli', 'lab', 'net', 'text'])
})

test.each(['bird', 'frr'])(
  'controller and guard behind %s load neither zod nor execa nor pino-pretty: they take memory for months',
  async (daemon) => {
    const routing = `src/node/routing/${daemon}/${daemon}.ts`
    const guard = await findLoaded('src/cli/main.ts', 'src/cli/node/guard.ts', routing)
    expect(guard.packages).toContain('pino')
    for (const name of ['zod', 'execa', 'prom-client', 'pino-pretty'])
      expect(guard.packages).not.toContain(name)
    const controller = await findLoaded('src/cli/main.ts', 'src/cli/node/controller.ts', routing)
    expect(controller.packages).toContain('prom-client')
    for (const name of ['zod', 'execa', 'pino-pretty']) expect(controller.packages).not.toContain(name)
  },
)

test('the help of lab names every scenario, in order', () => {
  expect(scenarios.map(({ name }) => name)).toEqual(scenarioNames)
  expect(clientScenarios.map(({ name }) => name)).toEqual(clientScenarioNames)
})

/** The modules of src that a module loads before it runs: itself and its static imports, recursively. */
async function loadedBy(file: string, seen = new Set<string>()): Promise<Set<string>> {
  if (seen.has(file)) return seen
  seen.add(file)
  const text = await readFile(file, 'utf8')
  for (const [, what, path] of text.matchAll(/^(?:import|export) (.*?)from '(\.[^']+)'$/gms))
    if (!what!.startsWith('type ')) await loadedBy(join(file, '..', path!), seen)
  return seen
}

const root = join(import.meta.dirname, '../../..')

test.each([
  'node/withdraw.ts',
  'node/controller.ts',
  'node/guard.ts',
  'node/apply.ts',
  'node/agent.ts',
  'operate/status.ts',
])('cli/%s loads nothing of the lab and nothing of the planner', async (command) => {
  const loaded = await loadedBy(join(root, 'src/cli', command))
  const files = [...loaded].map((file) => relative(root, file))
  expect(files).toContain('src/bundle/read.ts')
  expect(files.filter((file) => file.startsWith('src/lab/'))).toEqual([])
  // failure.ts prints the errors of the feeds and of the sites folder.
  const errorsOnly = ['src/plan/feeds/feed.ts', 'src/plan/sites/folder-error.ts']
  expect(files.filter((file) => file.startsWith('src/plan/') && !errorsOnly.includes(file))).toEqual([])
})

test('the folder that a command checks for a running lab is the folder of the lab', () => {
  expect(labFolder).toBe(labDir)
})
