// The last part of the demo: a valid change of the YAML that ends sessions is rolled out, and is stopped at the canary.
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { labNodes, labRolloutDir } from '../dist/lab/local-nodes.js'
import { countStateChanges, readPrefixes } from '../dist/lab/machine/tables.js'
import { Tables } from '../dist/lab/readiness.js'
import { startRollout } from '../dist/plan/service/rollout/rollout-service.js'

export const canary = 'fra1-a'

/** The lab has certificates of its own in place of these. */
const rescue =
  'rescue: { caFile: /etc/anyward/rescue/ca.crt, certFile: /etc/anyward/rescue/node.crt, keyFile: /etc/anyward/rescue/node.key }'

/** A copy of the example's YAML with session rescue, and with times for a demo: it drains for seconds, and its first wave is the canary. */
export async function copySites(from) {
  const dir = await mkdtemp(join(tmpdir(), 'anyward-demo-'))
  await cp(from, dir, { recursive: true })
  await edit(join(dir, 'fleet.yaml'), (text) => {
    const drain = text.replace(/drain: \{.*\}/, 'drain: { idle: 1s, limit: 5s, undrain: 1s }')
    return `${drain}\nrollout: { waves: [{ name: canary, nodes: [${canary}] }], soak: 5s }\n${rescue}\n`
  })
  for (const [at, name] of (await siteFiles(dir)).entries()) {
    await edit(join(dir, name), (text) =>
      text.replace(/^( +)routerId:/m, `$1unicast: 198.51.100.${at + 1}\n$1routerId:`),
    )
  }
  return { dir, remove: () => rm(dir, { recursive: true, force: true }) }
}

/** Swaps the last two digits of the AS number of each upstream, at every site. */
async function swapDigits(dir) {
  for (const name of await siteFiles(dir)) {
    await edit(join(dir, name), (text) =>
      text.replaceAll(/asn: 6460([1-9])\b/g, (_, digit) => `asn: 646${digit}0`),
    )
  }
}

async function siteFiles(dir) {
  return (await readdir(dir)).filter((name) => name !== 'fleet.yaml')
}

async function edit(path, change) {
  const text = await readFile(path, 'utf8')
  const changed = change(text)
  if (changed === text) throw new Error(`${path} has nothing that the demo changes`)
  await writeFile(path, changed)
}

/** Rolls the mistake out. Returns what the rollout and the neighbors say. */
export async function rollOutMistake({ state, dir, program, signal, onEvent }) {
  const neighbors = await watchNeighbors(state)
  await swapDigits(dir)
  const since = performance.now()
  const rolling = startRollout(
    { sites: dir, out: labRolloutDir, local: labNodes({ state, program, soakMs: null }) },
    {},
    {
      onEvent: (event) => onEvent({ ...event, afterMs: performance.now() - since }),
      onState() {},
      signal,
    },
  )
  // After Ctrl-C the lab goes: what has begun on a node is not awaited.
  rolling.catch(() => {})
  const aborted = new Promise((_, reject) =>
    signal.addEventListener('abort', () => reject(signal.reason), { once: true }),
  )
  try {
    const rollout = await Promise.race([rolling, aborted])
    return { rollout, tookMs: performance.now() - since, ...(await neighbors.compare()) }
  } finally {
    await neighbors.end()
  }
}

const pauseMs = 100

/** Watches what the neighbors of each node have of it, in their own tables. */
async function watchNeighbors({ routers }) {
  const tables = new Tables()
  const sessions = routers.flatMap((router) => router.sessions.map((session) => ({ router, session })))
  const read = ({ router, session }) => readPrefixes(tables.of(router), session.protocol)
  const countChanges = ({ router, session }) => countStateChanges(router.controlSocket, session.protocol)
  const before = await Promise.all(
    sessions.map(async (one) => ({
      ...one,
      prefixes: await read(one),
      changes: await countChanges(one),
    })),
  )
  const isMissing = async (one) => {
    const now = await read(one)
    return [...one.prefixes].some((prefix) => !now.has(prefix))
  }
  const losses = new Set()
  let isOver = false
  const watch = async () => {
    while (!isOver) {
      for (const one of before) if (await isMissing(one)) losses.add(one.session.node)
      await delay(pauseMs)
    }
  }
  const watching = watch().catch((error) => error)
  return {
    /** `losses`: nodes of which a neighbor has lost a route; `restarts`: a session; `incomplete`: neighbors that lack a route now. */
    async compare() {
      const restarts = new Set()
      const incomplete = []
      for (const one of before) {
        if ((await countChanges(one)) !== one.changes) restarts.add(one.session.node)
        if (await isMissing(one)) incomplete.push(one.router.name)
      }
      const others = before.filter(({ session }) => session.node !== canary)
      return { losses, restarts, incomplete, others: new Set(others.map(({ router }) => router.name)).size }
    },
    async end() {
      isOver = true
      const error = await watching
      tables.close()
      if (error !== undefined) throw error
    },
  }
}
