// Bundles the program into dist/cli: `anyward status` then reads a few files instead of some hundred.
import { copyFile, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { isBuiltin } from 'node:module'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { rolldown } from 'rolldown'

const root = fileURLToPath(new URL('..', import.meta.url))
// One folder, because a thread's file is beside the module that starts it. JSDoc comments would stay in memory.
const names = {
  format: 'esm',
  entryFileNames: '[name].js',
  chunkFileNames: '[name].js',
  comments: { jsdoc: false },
}

/**
 * Writes the program to `<dist>/cli`, where it needs Node and nothing else, and the page to `<dist>/web`. Returns the folders of the npm packages
 * in it, sorted.
 */
export async function bundleProgram(dist, { sourcemap }) {
  const dir = join(dist, 'cli')
  await rm(dir, { recursive: true, force: true })
  const bundle = await openBundle()
  const { output } = await bundle.write({ ...names, dir, sourcemap })
  await bundle.close()
  const chunks = output.filter(({ type }) => type === 'chunk')
  const files = new Set(chunks.map(({ fileName }) => fileName))
  const missing = chunks
    .flatMap(({ imports, dynamicImports }) => [...imports, ...dynamicImports])
    .filter((name) => !files.has(name) && !isBuiltin(name))
  if (missing.length > 0) throw new Error(`the bundle lacks ${missing.join(', ')}: add it to dependencies`)
  const folders = [...chunks, ...(await bundlePage(dist, { sourcemap }))]
    .flatMap(({ moduleIds }) => moduleIds)
    .flatMap((id) => /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+/.exec(id)?.[0] ?? [])
  return [...new Set(folders)].sort()
}

/** Writes the page to `<dist>/web`. Returns its chunks. */
async function bundlePage(dist, { sourcemap }) {
  const dir = join(dist, 'web')
  await rm(dir, { recursive: true, force: true })
  const bundle = await rolldown({
    cwd: root,
    input: join(root, 'src/web/main.tsx'),
    platform: 'browser',
    onLog,
  })
  const file = join(dir, 'page.js')
  const { output } = await bundle.write({ file, format: 'iife', minify: true, sourcemap, comments: false })
  await bundle.close()
  for (const name of ['index.html', 'page.css', 'icon.svg']) {
    await copyFile(join(root, 'src/web', name), join(dir, name))
  }
  await writeRunbooks(join(dir, 'runbooks.json'))
  return output.filter(({ type }) => type === 'chunk')
}

/** The page shows them where an engineer may have no other documentation. */
async function writeRunbooks(path) {
  const dir = join(root, 'docs/runbooks')
  const names = (await readdir(dir)).filter((name) => name.endsWith('.md')).sort()
  const texts = names.map(async (name) => [basename(name, '.md'), await readFile(join(dir, name), 'utf8')])
  await writeFile(path, JSON.stringify(Object.fromEntries(await Promise.all(texts))))
}

/** The modules that are loaded before one of these modules runs. */
export async function listLoadedModules(entries) {
  const bundle = await openBundle()
  const { output } = await bundle.generate(names)
  await bundle.close()
  const chunks = new Map(output.map((chunk) => [chunk.fileName, chunk]))
  const loaded = new Set()
  const load = (name) => {
    if (loaded.has(name) || !chunks.has(name)) return
    loaded.add(name)
    for (const imported of chunks.get(name).imports) load(imported)
  }
  for (const entry of entries) {
    load(output.find(({ facadeModuleId }) => facadeModuleId === join(root, entry)).fileName)
  }
  return [...loaded].flatMap((name) => chunks.get(name).moduleIds.map((id) => id.replace(root, '')))
}

async function openBundle() {
  const files = await readdir(join(root, 'src'), { recursive: true })
  const threads = files.filter((file) => file.endsWith('-thread.ts'))
  const input = Object.fromEntries(threads.map((file) => [basename(file, '.ts'), join(root, 'src', file)]))
  return rolldown({
    cwd: root,
    input: { main: join(root, 'src/cli/main.ts'), ...input },
    platform: 'node',
    onLog,
  })
}

/** Otherwise a missing package becomes an import that fails when the program runs. */
function onLog(level, log, handle) {
  handle(log.code === 'UNRESOLVED_IMPORT' ? 'error' : level, log)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await bundleProgram(join(root, 'dist'), { sourcemap: true })
}
