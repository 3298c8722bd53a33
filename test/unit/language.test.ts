import { readFileSync, statSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { extname, join } from 'node:path'
import { expect, test } from 'vitest'

const root = join(import.meta.dirname, '../..')

/** Files and folders that are checked. Add a folder of src once it passes. */
const checked = [
  'README.md',
  'CONTRIBUTING.md',
  'CHANGELOG.md',
  'docs',
  'templates',
  'sites',
  'scripts',
  'src/node/apply',
  'src/control',
  'src/telemetry',
  'test/unit/control',
  'test/unit/telemetry',
  'src/node/controller',
  'src/node/decision',
  'src/node/guard',
  'src/node/health',
  'src/node/state',
  'src/node/withdraw',
  'test/unit/node/apply',
  'test/unit/node/decision',
  'test/unit/node/guard',
  'test/unit/node/health',
  'test/unit/node/withdraw',
  'src/plan/sites',
  'src/plan/policy',
  'src/plan/render',
  'src/plan/rpki',
  'src/plan/irr',
  'src/net',
  'src/node/wireguard',
  'src/node/probe',
  'src/node/routing',
  'src/manifest',
  'src/bundle',
  'src/files',
  'src/linux',
  'src/plan/compile',
  'src/plan/feeds',
  'src/plan/rtr',
  'src/lab',
  'test/unit/bundle',
  'test/unit/files',
  'test/unit/lab',
  'test/unit/linux',
  'test/unit/manifest',
  'test/unit/node/probe',
  'test/unit/node/routing',
  'test/unit/node/wireguard',
  'test/unit/plan/feeds',
  'test/unit/plan/rtr',
  'test/unit/scripts',
]

/** Each word with the one to use in its place. */
const words: [RegExp, string][] = [
  [/\b(nobody|somebody|anybody|whoever)\b/i, 'name the actor: the controller, an operator, another process'],
  [/\banew\b/i, 'again'],
  [/\bby hand of\b/i, 'by'],
  [/\b(told|tellers?)\b/i, 'advertised, reported, configured; other announcers'],
  [/\bpatrol(s|led|ling)?\b/i, 'resync'],
  [/\btrouble\b/i, 'error, failure'],
  [/\b(mend|mends|mended)\b/i, 'fix'],
  [/\b(aloud|in so many words)\b/i, 'explicitly'],
  [/\bkin\b/i, 'similar'],
]

/** Names of the API stay as they are: reason codes and JSON keys; in Markdown, text in backquotes and code blocks. */
const prose = (file: string, text: string) =>
  extname(file) === '.md'
    ? text
        .replace(/^( *)```[\s\S]*?^ *```/gm, (block) => block.replace(/[^\n]/g, ''))
        .replace(/`[^`\n]*`/g, '')
    : text.replace(/'told-nobody'|`told-nobody`|\bdaemon\.trouble\b|'trouble'|`trouble`|\btrouble: /g, '')

async function filesOf(path: string): Promise<string[]> {
  if (!statSync(join(root, path)).isDirectory()) return [path]
  const entries = await readdir(join(root, path), { withFileTypes: true, recursive: true })
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1))
}

test.each(checked)('%s is in plain technical English', async (path) => {
  const found = (await filesOf(path)).flatMap((file) =>
    prose(file, readFileSync(join(root, file), 'utf8'))
      .split('\n')
      .flatMap((line, index) =>
        words
          .filter(([pattern]) => pattern.test(line))
          .map(([pattern, use]) => `${file}:${index + 1} "${pattern.exec(line)![0]}": use ${use}`),
      ),
  )
  expect(found).toEqual([])
})

test('a word of the list is found as a word, and not in code', () => {
  const hits = (line: string) => words.filter(([pattern]) => pattern.test(prose('a.md', line))).length
  expect(hits('Nobody is told.')).toBe(2)
  expect(hits('The event `trouble` and an amendment')).toBe(0)
})
