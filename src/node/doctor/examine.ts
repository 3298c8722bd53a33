import { type Clock, systemClock } from '../../clock/clock.ts'
import { RunError } from '../../linux/run.ts'
import { OperationError } from '../../text/operation-error.ts'
import { DaemonError } from '../routing/daemon.ts'
import { type Check, type Context, error, type Finding, type Found, unfinished, unseen } from './check.ts'

/** Some checks start programs: on a busy machine all of them at once would pass their time limit. */
const atOnce = 4

interface ExamineOptions {
  readonly checks: readonly Check[]
  readonly context: Context
  /** For each check. */
  readonly timeoutMs: number
  /** The checks that run now. */
  readonly onStep?: ((step: string) => void) | undefined
  readonly clock?: Clock
}

/** The findings of all checks, in their order. Never rejects: a check that fails or hangs is itself a finding. */
export async function examine({
  checks,
  context,
  timeoutMs,
  onStep,
  clock = systemClock,
}: ExamineOptions): Promise<Finding[]> {
  const results = checks.map((): readonly Finding[] => [])
  const waiting = [...checks.entries()]
  const running = new Set<string>()
  const report = () => onStep?.(`check ${[...running].join(', ')}`)
  const work = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const [at, check] = next
      running.add(check.name)
      report()
      const found = await Promise.race([attempt(check, context), expire(timeoutMs, clock)])
      results[at] = found.map((finding) => ({ ...finding, check: check.name }))
      running.delete(check.name)
      if (running.size > 0) report()
    }
  }
  await Promise.all(Array.from({ length: atOnce }, work))
  return results.flat().map(({ severity, check, message, cure }) => ({ severity, check, message, cure }))
}

async function attempt(check: Check, context: Context): Promise<readonly Found[]> {
  try {
    return await check.examine(context)
  } catch (cause) {
    return isOfSocket(cause) ? [] : [explain(cause)]
  }
}

/** What the check of the daemon's socket reports, once for all checks that use it. */
function isOfSocket(cause: unknown): boolean {
  return cause instanceof DaemonError && (cause.code === 'not-running' || cause.code === 'permission')
}

async function expire(timeoutMs: number, clock: Clock): Promise<readonly Found[]> {
  await new Promise<void>((resolve) => {
    clock.after(timeoutMs, resolve).unref()
  })
  return [unfinished(`no answer in ${timeoutMs / 1000} s`)]
}

function explain(cause: unknown): Found {
  const { code, message } = cause as NodeJS.ErrnoException
  const isLate =
    (cause instanceof RunError && cause.kind === 'timeout') ||
    (cause instanceof DaemonError && cause.code === 'timeout')
  if (isLate) return unfinished(`not checked: ${message}`)
  if (cause instanceof OperationError) {
    const { hint, outcome } = cause
    const isUnseen = outcome === 'refused' || hint.startsWith('run this as root')
    return isUnseen ? unseen(`not checked: ${message}`, hint) : error(message, hint)
  }
  if (cause instanceof RunError && cause.kind === 'not-installed') {
    return unseen(`not checked: ${cause.argv[0]} is not installed`, `install ${cause.argv[0]}`)
  }
  if (
    code === 'EACCES' ||
    code === 'EPERM' ||
    /Operation not permitted|Permission denied|must be root/i.test(message)
  ) {
    return unseen(`not checked: ${message}`)
  }
  return unseen(`not checked: ${message}`, 'fix that, then run this again')
}
