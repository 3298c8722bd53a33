import { resolve } from 'node:path'
import type { Family } from '../../net/prefix.ts'
import { formatRange, type PrefixRange } from '../../net/prefix-range.ts'
import { aggregateRanges } from '../irr/aggregate.ts'
import { describeLeftOut, readIrrSet } from '../irr/read-set.ts'
import type { IrrFilter } from '../sites/fleet.ts'
import { irrKey, irrName } from '../sites/irr-key.ts'
import { type AskOptions, askBgpq4, type IrrAnswer } from './bgpq4.ts'
import { FeedError, type FeedWarning, readBounded } from './feed.ts'
import { type LastGood, lastGoodPath, readLastGood, writeLastGood } from './last-good.ts'

interface IrrSetOptions extends AskOptions {
  /** The folder of the last good copies. */
  readonly stateDir: string
  /** The base of relative paths. */
  readonly baseDir: string
  readonly nowMs: number
}

interface LoadedIrrSet {
  /** Aggregated. */
  readonly ranges: readonly PrefixRange[]
  readonly warnings: readonly FeedWarning[]
}

type Usable =
  | { readonly ok: true; readonly ranges: readonly PrefixRange[]; readonly complaints: readonly string[] }
  | { readonly ok: false; readonly reason: string; readonly hint: string }

const mostFileBytes = 100 * 1024 * 1024

/**
 * The prefixes of one family that a neighbor may send. If the answer fails, is empty, or has less than half of
 * the entries of the last good copy, the last good copy is used, with a warning. The half detects a server that
 * lost a source, and a partly written file: their filters would drop valid routes. Throws `FeedError` if there is
 * no usable copy.
 */
export async function loadIrrSet(
  filter: IrrFilter,
  family: Family,
  options: IrrSetOptions,
): Promise<LoadedIrrSet> {
  const { stateDir, nowMs } = options
  const isFile = filter.type === 'file'
  const source = isFile ? resolve(options.baseDir, filter.file) : irrName(filter)
  const feed = irrKey(filter, family)
  // Other sources make another set, which may have fewer entries.
  const asked = isFile ? [] : [options.server ?? 'default', ...options.sources]
  const name = ['irr', source, family, ...asked].join(' ')

  const warnings: FeedWarning[] = []
  const warn = (reason: string, hint: string | null = null, lastGoodAgeMs: number | null = null) =>
    warnings.push({ feed, reason, hint, lastGoodAgeMs })
  const answer = isFile ? await readList(source) : await askBgpq4(source, family, options)
  const lastGood = await readKept(stateDir, name, family, warn)
  const before = lastGood?.ranges.length ?? 0
  const usable = refuseShrunk(toUsable(answer, family), before, lastGoodPath(stateDir, name))

  if (usable.ok) {
    for (const complaint of usable.complaints) warn(complaint)
    const text = usable.ranges.map((range) => `${formatRange(range)}\n`).join('')
    await writeLastGood(stateDir, name, text, nowMs).catch((error: NodeJS.ErrnoException) =>
      warn(
        `it cannot be saved as the last good copy (${error.code})`,
        `is ${stateDir} a folder that you may write?`,
      ),
    )
    return { ranges: aggregateRanges(usable.ranges), warnings }
  }
  if (lastGood === null) {
    const reason = [usable.reason, ...warnings.map((warning) => warning.reason)].join('; ')
    throw new FeedError([{ feed, reason, hint: usable.hint }])
  }
  warn(usable.reason, usable.hint, Math.max(0, nowMs - lastGood.savedAtMs))
  return { ranges: aggregateRanges(lastGood.ranges), warnings }
}

async function readList(path: string): Promise<IrrAnswer> {
  const read = await readBounded(path, mostFileBytes)
  const hint = `write one prefix per line to ${path}`
  if (!read.ok) return { ok: false, reason: read.problem, hint }
  try {
    return { ok: true, text: new TextDecoder('utf-8', { fatal: true }).decode(read.bytes), complaints: null }
  } catch {
    return { ok: false, reason: 'is not UTF-8', hint }
  }
}

function toUsable(answer: IrrAnswer, family: Family): Usable {
  if (!answer.ok) return answer
  const set = readIrrSet(answer.text, family)
  if (!set.ok) return { ok: false, reason: set.problem, hint: set.hint }
  const { ranges, leftOut } = set.value
  const complaints = leftOut.length === 0 ? [] : [describeLeftOut(leftOut)]
  if (answer.complaints !== null) complaints.push(answer.complaints)
  if (ranges.length > 0) return { ok: true, ranges, complaints }
  const reason = `has no ${family === 'ipv4' ? 'IPv4' : 'IPv6'} prefixes`
  return {
    ok: false,
    reason: complaints.length === 0 ? reason : `${reason}: ${complaints.join('; ')}`,
    hint: 'no route would be accepted from the neighbor: check the name of the set, or remove `irr` to accept routes without an IRR filter',
  }
}

function refuseShrunk(usable: Usable, before: number, keptIn: string): Usable {
  if (!usable.ok || usable.ranges.length * 2 >= before) return usable
  return {
    ok: false,
    reason: `shrank from ${before} entries to ${usable.ranges.length}`,
    hint: `if the new set is correct, remove ${keptIn}`,
  }
}

async function readKept(
  stateDir: string,
  name: string,
  family: Family,
  warn: (reason: string, hint?: string) => void,
): Promise<{ ranges: readonly PrefixRange[]; savedAtMs: number } | null> {
  let kept: LastGood
  try {
    kept = await readLastGood(stateDir, name)
  } catch (error) {
    warn(
      `the last good one cannot be read (${(error as NodeJS.ErrnoException).code})`,
      `is ${stateDir} a folder that you may read?`,
    )
    return null
  }
  if (!kept.found) {
    if (kept.note !== null) warn(kept.note)
    return null
  }
  const set = readIrrSet(kept.text, family)
  return set.ok && set.value.ranges.length > 0
    ? { ranges: set.value.ranges, savedAtMs: kept.savedAtMs }
    : null
}
