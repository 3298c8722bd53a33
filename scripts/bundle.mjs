// Bundles the program into dist/cli: `anyward status` then reads a few files instead of some hundred.
import { readdir, rm } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { rolldown } from 'rolldown'

const root = fileURLToPath(new URL('..', import.meta.url))
// One folder, for a thread is found beside the module that starts it.
const names = { format: 'esm', entryFileNames: '[name].js', chunkFileNames: '[name].js' }

/** Writes the program to `<dist>/cli`. */
export async function bundleProgram(dist, { sourcemap }) {
  const dir = join(dist, 'cli')
  await rm(dir, { recursive: true, force: true })
  const bundle = await openBundle()
  await bundle.write({ ...names, dir, sourcemap })
  await bundle.close()
}

/** The modules that are loaded before the program knows which command it runs. */
export async function listStartModules() {
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
  load('main.js')
  return [...loaded].flatMap((name) => chunks.get(name).moduleIds.map((id) => id.replace(root, '')))
}

async function openBundle() {
  const files = await readdir(join(root, 'src'), { recursive: true })
  const threads = files.filter((file) => file.endsWith('-thread.ts'))
  const input = Object.fromEntries(threads.map((file) => [basename(file, '.ts'), join(root, 'src', file)]))
  return rolldown({ cwd: root, input: { main: join(root, 'src/cli/main.ts'), ...input }, platform: 'node' })
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await bundleProgram(join(root, 'dist'), { sourcemap: true })
}
