import { once } from 'node:events'
import { execa } from 'execa'

/**
 * An unprivileged user in a network namespace that takes each lock of a node that it can: the abstract sockets that
 * earlier versions used, and a flock on each lock file that it can open. Returns a function that ends it.
 */
export async function squat(
  namespace: string,
  { runtimeDir, bundleDir }: { runtimeDir: string; bundleDir: string },
): Promise<{ taken: string[]; end: () => Promise<void> }> {
  const sockets = [`controller:${runtimeDir}`, `guard:${runtimeDir}`, `apply:${bundleDir}`]
  const files = [
    ...['controller', 'guard', 'held-addresses'].map((name) => `${runtimeDir}/${name}.lock`),
    `${bundleDir}/../apply.lock`,
  ]
  const user = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups']
  const args = ['netns', 'exec', namespace, ...user, process.execPath, '-e', script]
  const child = execa('ip', [...args, JSON.stringify(sockets), JSON.stringify(files)], {
    reject: false,
    stdin: 'ignore',
  })
  const [line] = (await once(child.stdout, 'data')) as [Buffer]
  const taken = JSON.parse(line.toString()) as string[]
  return {
    taken,
    async end() {
      child.kill('SIGKILL')
      await child
    },
  }
}

const script = `
const { createServer } = require('node:net')
const { openSync } = require('node:fs')
const { spawnSync } = require('node:child_process')
const [sockets, files] = process.argv.slice(1).map((text) => JSON.parse(text))
const taken = []
for (const file of files) {
  try {
    const descriptor = openSync(file, 'r')
    const { status } = spawnSync('flock', ['-n', '3'], { stdio: ['ignore', 'ignore', 'ignore', descriptor] })
    if (status === 0) taken.push(file)
  } catch {}
}
let open = sockets.length
const done = () => { open -= 1; if (open === 0) console.log(JSON.stringify(taken)) }
for (const name of sockets) {
  createServer().on('error', done).listen({ path: '\\0anyward-' + name }, done)
}
setInterval(() => {}, 1000)
`
