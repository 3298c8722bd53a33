import { dirname, join } from 'node:path'
import { digestOf, filesToCopy, type LoadedBundle, loadReceived, manifestName } from '../../bundle/read.ts'
import { signatureName, statementName } from '../../bundle/statement.ts'
import { packTar, unpackTar } from '../../bundle/tar.ts'
import { type Clock, systemClock } from '../../clock/clock.ts'
import { hashOf } from '../../files/hash.ts'
import { readManifestText } from '../../manifest/manifest.ts'
import { ConfigError, type Issue } from '../../text/issue.ts'
import { parseJson } from '../../text/parse-json.ts'
import { again } from '../again.ts'
import { readChange } from '../read-change.ts'
import {
  type Change,
  type ChangeResult,
  type Installed,
  type RolloutTransport,
  type Target,
  TransportError,
} from '../transport.ts'
import type { Seen } from '../view.ts'
import { lastLine, type NodeShell } from './node-shell.ts'
import { readStatus } from './read-status.ts'

/** Milliseconds. An `apply` waits twice for the sessions, and then for the next controller. */
const limits = { short: 30_000, place: 120_000, apply: 240_000, margin: 40_000 } as const
/** How long a node that cannot be reached, or is busy with another apply, is tried again. */
const retry = { forMs: 60_000, pauseMs: 2000 } as const

/** Of the archive of an installed bundle. */
const mostBytes = 64 * 2 ** 20

/** Prints the manifest of the installed bundle; 44: there is none. */
const inspectScript = `[ -e "$1/${manifestName}" ] || exit 44
exec cat "$1/${manifestName}"`

/** Prints an archive of those of these files that the installed bundle has. */
const readScript = `cd "$1" || exit 44
shift
for name do
  shift
  if [ -e "$name" ]; then set -- "$@" "$name"; fi
done
exec tar --format=ustar -cf - -- "$@"`

/** Unpacks a bundle from stdin into a folder of that name, which appears whole. Of all the latest ten stay. */
const placeScript = `set -eu
umask 022
folder=$1 name=$2
mkdir -p "$folder"
find "$folder" -maxdepth 1 -name '.new.*' -mmin +60 -exec rm -rf {} +
if [ ! -e "$folder/$name/${manifestName}" ]; then
  t=$(mktemp -d "$folder/.new.XXXXXX")
  tar -xf - -C "$t"
  chmod 755 "$t"
  sync -f "$t"
  mv -T "$t" "$folder/$name" 2>/dev/null || { rm -rf "$t"; [ -e "$folder/$name/${manifestName}" ]; }
fi
touch "$folder/$name"
cd "$folder" && ls -1t | tail -n +11 | while IFS= read -r old; do rm -rf "./$old"; done`

interface Applied {
  readonly applied: boolean
  readonly reason: string
  readonly detail: string
}

/** Reaches nodes by running `anyward` there, through a shell. */
export class ShellTransport implements RolloutTransport {
  readonly #shell: NodeShell
  readonly #bundleDirOf: (node: string) => string
  readonly #clock: Clock

  /** @param bundleDirOf where a node's bundle is installed */
  constructor(shell: NodeShell, bundleDirOf: (node: string) => string, clock: Clock = systemClock) {
    this.#shell = shell
    this.#bundleDirOf = bundleDirOf
    this.#clock = clock
  }

  async inspect(target: Target): Promise<Installed | null> {
    const dir = this.#bundleDirOf(target.node)
    const call = { timeoutMs: limits.short }
    const { code, stdout, stderr } = await this.#shell(target, ['sh', '-c', inspectScript, 'sh', dir], call)
    if (code === 44) return null
    const manifest = code === 0 ? readManifestText(stdout) : null
    if (manifest === null) {
      const problem = code === 0 ? 'its bundle cannot be read by this version of anyward' : lastLine(stderr)
      throw new TransportError(`${target.node}: ${problem}`)
    }
    const names = [manifestName, ...Object.keys(manifest.files), statementName, signatureName]
    const argv = ['sh', '-c', readScript, 'sh', dir, ...names]
    const archive = await this.#shell(target, argv, { timeoutMs: limits.place, limitBytes: mostBytes })
    if (archive.code !== 0) throw new TransportError(`${target.node}: ${lastLine(archive.stderr)}`)
    try {
      const bundle = await loadReceived(dir, unpackTar(Buffer.from(archive.stdout)))
      return { manifest: bundle.manifest, digest: digestOf(bundle), files: filesToCopy(bundle) }
    } catch (error) {
      if (!(error instanceof ConfigError || error instanceof RangeError)) throw error
      const problem =
        error instanceof ConfigError ? error.issues.map(describeIssue).join('; ') : error.message
      throw new TransportError(`${target.node}: the installed bundle is damaged: ${problem}`)
    }
  }

  async observe(target: Target): Promise<Seen> {
    const argv = ['anyward', 'status', '--json']
    try {
      const { code, stdout, stderr } = await this.#shell(target, argv, { timeoutMs: limits.short })
      const view = readStatus(stdout)
      if (view !== null) return { outcome: 'seen', view }
      if (code === 2 && stderr.includes('no controller is running')) return { outcome: 'seen', view: null }
      const problem =
        stdout.trim() === '' ? describeFailure(stderr) : 'the reply is not a status of this version'
      return { outcome: 'unreachable', problem: `${target.node}: anyward status: ${problem}` }
    } catch (error) {
      if (error instanceof TransportError) return { outcome: 'unreachable', problem: error.message }
      throw error
    }
  }

  async change(target: Target, change: Change): Promise<ChangeResult> {
    try {
      const bundle = await readChange(change)
      let failure = await this.#place(target, bundle, change)
      if (failure === null && change.drain !== 'no') {
        const drainFailure = await this.#drain(target, change).catch(readFailure)
        if (change.drain === 'must') failure = drainFailure
      }
      const applied = failure === null ? await this.#apply(target, bundle, change) : null
      // Also after a failure, and after a drain by an engine that was killed.
      const undrainFailure = await this.#undrain(target, change).then(() => null, readFailure)
      if (failure !== null) return { outcome: 'failed', detail: failure }
      if (!applied!.applied) return { outcome: 'failed', detail: applied!.detail }
      return undrainFailure === null
        ? { outcome: 'changed', detail: applied!.detail }
        : { outcome: 'failed', detail: undrainFailure }
    } catch (error) {
      if (error instanceof TransportError) return { outcome: 'failed', detail: error.message }
      throw error
    }
  }

  async #place(target: Target, bundle: LoadedBundle, { onStep }: Change): Promise<string | null> {
    onStep('copy the bundle')
    const folder = keptIn(this.#bundleDirOf(target.node))
    const argv = ['sh', '-c', placeScript, 'sh', folder, nameOf(bundle)]
    const input = packTar(filesToCopy(bundle))
    const { code, stderr } = await this.#again(() =>
      this.#shell(target, argv, { timeoutMs: limits.place, input }),
    )
    return code === 0 ? null : `the bundle cannot be copied: ${lastLine(stderr)}`
  }

  async #drain(target: Target, { rollout, manifest, onStep }: Change): Promise<string | null> {
    const seen = await this.observe(target)
    if (seen.outcome === 'unreachable') return seen.problem
    // Without a controller nothing is announced, and the order of an operator or of the calendar stays.
    if (seen.view === null || seen.view.intent.intent !== 'serve') return null
    onStep('drain')
    const limitMs = Math.max(0, ...manifest.services.map(({ drain }) => drain.limitMs))
    const argv = ['anyward', 'drain', '--json', '--reason', reasonOf(rollout)]
    const code = await this.#again(async () => {
      const reply = await this.#shell(target, argv, { timeoutMs: limitMs + limits.margin })
      // A controller that is busy may have taken the order: it is given again.
      if (reply.code > 1)
        throw new TransportError(`it could not be drained: ${describeFailure(reply.stderr)}`)
      return reply.code
    })
    return code === 0 ? null : 'it could not be drained: its neighbors still have routes'
  }

  async #apply(
    target: Target,
    bundle: LoadedBundle,
    { onStep }: Change,
  ): Promise<{ applied: boolean; detail: string }> {
    const dir = join(keptIn(this.#bundleDirOf(target.node)), nameOf(bundle))
    const argv = ['anyward', 'apply', '--json', '--reload', '--bundle', dir]
    onStep('apply')
    return this.#again(async () => {
      const { code, stdout, stderr } = await this.#shell(target, argv, { timeoutMs: limits.apply })
      const outcome = readApplied(stdout)
      if (outcome === null) {
        const problem = stdout.trim() === '' ? describeFailure(stderr) : `an unknown reply, exit code ${code}`
        return { applied: false, detail: `anyward apply: ${problem}` }
      }
      const { applied, reason, detail } = outcome
      // One that an earlier engine has begun.
      if (detail.startsWith('another apply is running')) throw new TransportError(detail)
      return applied || reason === 'nothing-to-do'
        ? { applied: true, detail }
        : { applied: false, detail: `${reason}: ${lastLine(detail.replaceAll('\n', '; '))}` }
    })
  }

  async #undrain(target: Target, { rollout, onStep }: Change): Promise<void> {
    const seen = await this.#again(async () => {
      const seen = await this.observe(target)
      if (seen.outcome === 'unreachable') throw new TransportError(seen.problem)
      return seen
    })
    const { intent, reason } = seen.view?.intent ?? { intent: 'serve', reason: null }
    if (intent !== 'drain' || reason !== reasonOf(rollout)) return
    onStep('undrain')
    const argv = ['anyward', 'undrain', '--json', '--no-wait']
    await this.#again(async () => {
      const { code, stderr } = await this.#shell(target, argv, { timeoutMs: limits.short })
      // 1: not yet verified at the neighbors. Otherwise a controller that is busy may have taken the order.
      if (code > 1) throw new TransportError(`it could not be brought back: ${describeFailure(stderr)}`)
    })
  }

  #again<T>(work: () => Promise<T>): Promise<T> {
    return again(this.#clock, retry, work)
  }
}

/** Beside the installed bundle, where only root writes. */
function keptIn(bundleDir: string): string {
  return join(dirname(bundleDir), 'bundles')
}

/** The same content signed again is another bundle. `sha256sum` of one of its files prints it. */
function nameOf(bundle: LoadedBundle): string {
  return bundle.statement === null ? digestOf(bundle) : hashOf(bundle.statement)
}

function readFailure(error: unknown): string {
  if (error instanceof TransportError) return error.message
  throw error
}

function reasonOf(rollout: string): string {
  return `rollout ${rollout}`
}

/** What `anyward` says that failed: a hint may follow. */
function describeFailure(stderr: string): string {
  const line = stderr.split('\n').find((one) => one.startsWith('anyward: '))
  return lastLine(line?.slice('anyward: '.length) ?? stderr)
}

function describeIssue({ file, message }: Issue): string {
  return lastLine(`${file} ${message}`)
}

function readApplied(text: string): Applied | null {
  const document = parseJson(text)
  if (typeof document !== 'object' || document === null) return null
  const { applied, reason, detail } = document as Record<string, unknown>
  if (typeof applied !== 'boolean' || typeof reason !== 'string' || typeof detail !== 'string') return null
  return { applied, reason, detail }
}
