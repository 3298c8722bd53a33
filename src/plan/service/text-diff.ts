import { FILE_HEADERS_ONLY, formatPatch, structuredPatch } from 'diff'

/** A longer diff is of no use, and its cost grows with the square of the changed lines. */
const mostChangedLines = 5000
/** Of a file that is new, or goes: such as the keys of the planner, which have to be seen. */
const mostWholeLines = 20

/** A unified diff of a file's text; `null` stands for no file. */
export function formatTextDiff(path: string, before: string | null, after: string | null): string {
  const from = before === null ? '/dev/null' : `a/${path}`
  const to = after === null ? '/dev/null' : `b/${path}`
  const text = before === null || after === null ? (before ?? after ?? '') : null
  if (text !== null && countLines(text) > mostWholeLines) {
    return `--- ${from}\n+++ ${to}\n@@ ${countLines(text)} lines ${before === null ? 'of a new file' : 'go with the file'} @@\n`
  }
  const patch = structuredPatch(from, to, before ?? '', after ?? '', undefined, undefined, {
    context: 3,
    maxEditLength: mostChangedLines,
  })
  if (patch === undefined) {
    return `--- ${from}\n+++ ${to}\n@@ more than ${mostChangedLines} lines differ @@\n`
  }
  return formatPatch(patch, FILE_HEADERS_ONLY)
}

function countLines(text: string): number {
  return text.split('\n').length - 1
}
