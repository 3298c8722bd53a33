import { readFileSync, statSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { extname, join } from 'node:path'
import { expect, test } from 'vitest'

const root = join(import.meta.dirname, '../..')

/** Everything in the repository but its lock file and license. */
const checked = [
  '.ci',
  'docs',
  'scripts',
  'sites',
  'src',
  'templates',
  'test',
  '.oxlintrc.json',
  'biome.json',
  'CHANGELOG.md',
  'CONTRIBUTING.md',
  'package.json',
  'README.md',
  'vitest.config.ts',
]

/** Each word with the one to use in its place. */
const words: [RegExp, string][] = [
  [
    /\b(nobody|somebody|anybody|everybody|whoever)\b/i,
    'name the actor: the controller, an operator, another process',
  ],
  [/\banew\b/i, 'again'],
  [/\bby hand of\b/i, 'by'],
  [/\b(told|tellers?)\b/i, 'advertised, reported, configured; other announcers'],
  [/\bpatrol(s|led|ling)?\b/i, 'resync'],
  [/\btroubles?\b/i, 'error, failure'],
  [/\b(mend|mends|mended)\b/i, 'fix'],
  [/\b(aloud|in so many words)\b/i, 'explicitly'],
  [/\bkin\b/i, 'similar'],
  [/\bcan not\b/i, 'cannot'],
]

/** Names that stay: JSON keys and reason codes are an interface, whatever their words. */
const exceptions: { pattern: RegExp; reason: string }[] = [
  { pattern: /\bsite-change-told\b/g, reason: 'a scenario of `anyward lab run`' },
  { pattern: /\btold-nobody\b/g, reason: 'a reason code in the JSON of `anyward plan`' },
  {
    pattern: /'trouble'|`trouble`|\.trouble\b|\btrouble: |\{ trouble \}|\btrouble !== null/g,
    reason: '`daemon.trouble` of the status, and an event of the log',
  },
  {
    pattern: /\.troubles\b|\btroubles(?=\.push| \}|[\]:,)])/g,
    reason: 'a JSON key of `anyward withdraw --json`',
  },
]

/** Without the exceptions; in Markdown also without text in backquotes and code blocks, which are names too. */
const prose = (file: string, text: string) =>
  extname(file) === '.md'
    ? text
        .replace(/^( *)```[\s\S]*?^ *```/gm, (block) => block.replace(/[^\n]/g, ''))
        .replace(/`[^`\n]*`/g, '')
    : exceptions.reduce((rest, { pattern }) => rest.replace(pattern, ''), text)

async function filesOf(path: string): Promise<string[]> {
  if (!statSync(join(root, path)).isDirectory()) return [path]
  const entries = await readdir(join(root, path), { withFileTypes: true, recursive: true })
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1))
    .filter((file) => file !== 'test/unit/language.test.ts')
}

const read = (file: string) => readFileSync(join(root, file), 'utf8')

test.each(checked)('%s is in plain technical English', async (path) => {
  const found = (await filesOf(path)).flatMap((file) =>
    prose(file, read(file))
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

test.each(exceptions)('the exception $pattern is still needed: $reason', async ({ pattern }) => {
  const files = (await Promise.all(['src', 'test'].map(filesOf))).flat()
  expect(files.some((file) => read(file).search(pattern) >= 0)).toBe(true)
})
