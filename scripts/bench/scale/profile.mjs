import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { tenths } from '../controllers/figures.mjs'
import { endController, replaceController } from './lab.mjs'

const shown = 12
/** The start is not profiled. */
const startMs = 8000

/**
 * The controller's time by file of this project, module of Node, or package. It is wall time, so on a busy machine the
 * share of system calls appears too large.
 */
export async function profileController(lab, idleMs) {
  const dir = await mkdtemp(join(tmpdir(), 'anyward-profile-'))
  try {
    await replaceController(lab, ['--cpu-prof', `--cpu-prof-dir=${dir}`])
    await delay(startMs + idleMs)
    await endController(lab)
    const [file] = await readdir(dir)
    return summarizeProfile(JSON.parse(await readFile(join(dir, file), 'utf8')), idleMs)
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}

function summarizeProfile({ nodes, samples, timeDeltas }, lastMs) {
  const placeOf = new Map(nodes.map(({ id, callFrame }) => [id, describePlace(callFrame)]))
  const times = new Map()
  let total = 0
  for (let at = samples.length - 1; at >= 0 && total < lastMs * 1000; at -= 1) {
    const place = placeOf.get(samples[at])
    times.set(place, (times.get(place) ?? 0) + timeDeltas[at])
    total += timeDeltas[at]
  }
  return [...times]
    .filter(([place]) => place !== '(idle)')
    .sort(([, a], [, b]) => b - a)
    .slice(0, shown)
    .map(([place, time]) => ({ place, percent: tenths((time / total) * 100) }))
}

function describePlace({ functionName, url }) {
  const own = /\/dist\/(.+)\.js$/.exec(url)
  if (own !== null) return own[1]
  const module = /\/node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url)
  return module?.[1] ?? (url === '' ? functionName : url)
}
