import { createTwoFilesPatch, FILE_HEADERS_ONLY } from 'diff'
import type { DaemonKind } from '../../../manifest/daemon-kinds.ts'
import { maskBirdSecrets, maskFrrSecrets } from '../../../syntax/mask-secrets.ts'
import { readByScratchDaemons } from '../../routing/frr/scratch.ts'
import { canonicalPrefix } from '../../routing/own-prefixes.ts'
import { isAnnouncement, keyOf, type Line, type Lines, readLines, without } from '../frr-lines.ts'
import { normalizeBird } from './bird-statements.ts'
import { hideInstalledSecrets } from './mask.ts'

interface EditedOptions {
  readonly configFile: string
  /** The configuration of the installed bundle, without its secrets. */
  readonly installed: string
  /** The text of `configFile`. */
  readonly old: string
  /** The prefixes that the controller announces. */
  readonly own: ReadonlySet<string>
}

/** A longer difference is cut. */
const mostLines = 200
/** The cost of a diff grows with the square of the changed lines. */
const mostChangedLines = 2000

/**
 * What was changed in the configuration file since it was installed, as lines with `+` and `-`, without secrets; `null`:
 * nothing that the daemon would notice. A changed password is not found: it is in another file.
 */
export const findEdits: Readonly<Record<DaemonKind, (options: EditedOptions) => Promise<string | null>>> = {
  bird: findEditsInBird,
  frr: findEditsInFrr,
}

async function findEditsInBird({ configFile, installed, old }: EditedOptions): Promise<string | null> {
  const [before, after] = [installed, old].map(maskBirdSecrets) as [string, string]
  if (normalizeBird(before) === normalizeBird(after)) return null
  const patch = createTwoFilesPatch('the installed bundle', configFile, before, after, undefined, undefined, {
    context: 1,
    maxEditLength: mostChangedLines,
    headerOptions: FILE_HEADERS_ONLY,
  })
  return patch === undefined ? `more than ${mostChangedLines} lines differ` : cut(patch.trimEnd().split('\n'))
}

/** After `write memory`, FRR's file has the same content in another notation, and the controller's announcements. */
async function findEditsInFrr({ installed, old, own }: EditedOptions): Promise<string | null> {
  const isCounted = (line: Line) =>
    !(isAnnouncement(line) && own.has(canonicalPrefix(line[2]!.split(' ')[1]!) ?? '')) &&
    !/^(?:no )?(?:ip|ipv6) forwarding$/.test(line[0])
  const hide = hideInstalledSecrets(installed)
  const written = counted(readLines(hide(old)), isCounted)
  const expected = counted(readLines(hide(installed)), isCounted)
  if (without(written, expected).size === 0 && without(expected, written).size === 0) return null
  const [was, is] = await Promise.all([readByScratchDaemons(installed), readByScratchDaemons(old)])
  const [wanted, parsed, empty] = [was.running, is.running, is.empty].map((text) =>
    readLines(hide(text)),
  ) as [Lines, Lines, Lines]
  const added = without(without(without(written, expected), wanted), empty)
  const removed = without(without(without(counted(wanted, isCounted), written), parsed), empty)
  const lines = [
    ...[...removed.values()].map((line) => `- ${format(line)}`),
    ...[...added.values()].filter((line) => !isBlockOf(line, wanted)).map((line) => `+ ${format(line)}`),
  ]
  return lines.length === 0 ? null : cut(lines)
}

function counted(lines: Lines, isCounted: (line: Line) => boolean): Lines {
  return new Map([...lines].filter(([, line]) => isCounted(line)))
}

/** An address family is a block of its own in the file, also without lines. */
function isBlockOf(line: Line, others: Lines): boolean {
  const key = `${keyOf(line)}\0`
  return [...others.keys()].some((other) => other.startsWith(key))
}

function format(line: Line): string {
  return maskFrrSecrets(line.join(' / '))
}

function cut(lines: readonly string[]): string {
  const rest = lines.length - mostLines
  return [...lines.slice(0, mostLines), ...(rest > 0 ? [`… and ${rest} lines more`] : [])].join('\n')
}
