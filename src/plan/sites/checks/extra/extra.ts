import { daemonNames } from '../../../../manifest/daemon-kinds.ts'
import type { PlacedNode, ReadExtra } from '../../drafts.ts'
import { error, type Finding } from '../../finding.ts'
import { findTwice } from '../twice.ts'
import { findBirdProblems } from './bird.ts'
import { findFrrProblems } from './frr.ts'
import type { ExtraProblem } from './problem.ts'

const mostProblems = 20
const mostCharacters = 200

const finders = { bird: findBirdProblems, frr: findFrrProblems } as const

/** Extra configuration adds to a managed node's own: it must not change what the planner writes. */
export function checkExtra({ file, path, node }: PlacedNode, readExtra: ReadExtra): Finding[] {
  const entries = node.extra ?? []
  if (entries.length === 0) return []
  if (node.routing === 'attached') {
    const config = node.daemon === undefined ? 'configuration' : daemonNames[node.daemon].configFile
    return [
      error(
        file,
        [...path, 'extra'],
        `the node has routing: attached, so its own ${config} is the whole configuration`,
        'leave it out, and write it there',
      ),
    ]
  }
  const findings = entries.flatMap((entry, index): Finding[] => {
    if (entry?.file === undefined) return []
    const at = [...path, 'extra', index, 'file']
    const read = readExtra(entry.file)
    if ('problem' in read) return [error(file, at, `${read.name} ${read.problem}`, read.hint)]
    const problems = node.daemon === undefined ? [] : findProblems(read.text, finders[node.daemon])
    return problems
      .slice(0, mostProblems)
      .map(({ line, message, hint }) => error(file, at, `${read.name}:${line} ${shorten(message)}`, hint))
  })
  const files = entries.map((entry, index) => ({
    file,
    path: [...path, 'extra', index, 'file'],
    value: entry?.file,
  }))
  return [...findings, ...findTwice(files, 'each file is added once: keep one of the two')]
}

/** A word of a file may be as long as the file. */
function shorten(message: string): string {
  return message.length > mostCharacters ? `${message.slice(0, mostCharacters)}…` : message
}

/** A line that shows as another one than the daemon reads. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is searched for.
const control = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/

function findProblems(text: string, find: (text: string) => ExtraProblem[]): ExtraProblem[] {
  const at = text.split('\n').findIndex((line) => control.test(line))
  if (at === -1) return find(text)
  return [{ line: at + 1, message: 'has a control character', hint: 'save it as plain text' }]
}
