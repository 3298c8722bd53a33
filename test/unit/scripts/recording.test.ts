import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, expect, test } from 'vitest'

const root = join(import.meta.dirname, '../../..')
let dir: string
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'recording-'))
})
afterEach(async () => {
  await rm(dir, { recursive: true })
})

/** The outputs of a session with their distances in seconds, as `script` logs them. */
async function render(outputs: readonly (readonly [seconds: number, text: string])[]): Promise<string> {
  const log = `Script started on 2026-11-30\n${outputs.map(([, text]) => text).join('')}\nScript done\n`
  const timing = outputs.map(([seconds, text]) => `O ${seconds.toFixed(6)} ${Buffer.byteLength(text)}`)
  await writeFile(join(dir, 'log'), log)
  await writeFile(
    join(dir, 'timing'),
    ['H 0.000000 TERM xterm', ...timing, 'H 0.000000 EXIT_CODE 0'].join('\n'),
  )
  const args = ['log', 'timing'].map((name) => join(dir, name))
  const script = join(root, 'scripts/recording/render.mjs')
  await promisify(execFile)(process.execPath, [script, ...args, 'a "session"', join(dir, 'out.svg')])
  return readFile(join(dir, 'out.svg'), 'utf8')
}

/** Each text with its style, and the times in percent at which it appears and is gone. */
function textsOf(svg: string) {
  return [...svg.matchAll(/<text id="(\w+)"(?: class="(\w)")? y="(\d+)">(.*?)<\/text>/g)].map(
    ([, id, , y, text]) => {
      const [, rule] = new RegExp(`@keyframes ${id}\\{(.*?\\})\\}`).exec(svg)!
      const appears = /([\d.]+)%\{visibility:visible\}/.exec(rule!)![1]
      const gone = /visible\}([\d.]+)%\{visibility:hidden\}/.exec(rule!)?.[1] ?? null
      return { text, y: Number(y), appears: Number(appears), gone: gone === null ? null : Number(gone) }
    },
  )
}

test('each state of a line has its time, and its text is escaped', async () => {
  const svg = await render([
    [0, 'one\r\n'],
    [2, '\u001b[1mbold\u001b[0m <&\r\n'],
    [2, '   waiting'],
    [0.5, '\r\u001b[2Kdone\r\n'],
  ])
  const texts = textsOf(svg)
  expect(texts.map(({ text }) => text)).toEqual([
    'one',
    '<tspan class="b">bold</tspan> &lt;&amp;',
    '   waiting',
    'done',
  ])
  const [one, , waiting, done] = texts
  expect(one).toMatchObject({ appears: 0, gone: null })
  expect(waiting!.gone).toBe(done!.appears)
  expect(waiting!.y).toBe(done!.y)
  expect(svg).toContain('<title id="t">a &quot;session&quot;</title>')
})

test('a long wait is shown faster, and a line that has no room moves the others up', async () => {
  const ticks = Array.from({ length: 100 }, (_, index) => [0.1, `\r\u001b[2Kwait ${index}`] as const)
  const slow = await render([[0, 'start\r\n'], ...ticks, [0.1, '\r\u001b[2Kend\r\n']])
  const total = (svg: string) => Number(/animation:(\d+)ms/.exec(svg)![1])
  expect(total(slow)).toBeLessThan(12_000)
  const lines = Array.from({ length: 40 }, (_, index) => [0.1, `line ${index}\r\n`] as const)
  expect(await render(lines)).toMatch(/#s\{transform:translateY\(-\d+px\)/)
})

/** The elements without an end, or that end in another order. */
function findOpenElements(xml: string): string[] {
  const open: string[] = []
  const tags = xml.replace(/<!--.*?-->|<style>[^<]*<\/style>/gs, '').matchAll(/<(\/?)(\w+)[^<>]*?(\/?)>/g)
  for (const [, isEnd, name, isEmpty] of tags) {
    if (isEnd === '/' && open.at(-1) === name) open.pop()
    else if (isEmpty === '') open.push(name!)
  }
  return open
}

test.each(['overview.svg', 'demo.svg'])(
  '%s is small, has light and dark, and loads nothing from elsewhere',
  async (name) => {
    const file = join(root, 'docs/images', name)
    const svg = await readFile(file, 'utf8')
    expect((await stat(file)).size).toBeLessThan(500_000)
    expect(svg).toMatch(/prefers-color-scheme: ?dark/)
    expect(svg.replace('http://www.w3.org/2000/svg', '')).not.toMatch(/https?:|@import|url\((?!#)|<script/)
    expect(await readFile(join(root, 'README.md'), 'utf8')).toContain(`](docs/images/${name})`)
    expect(findOpenElements(svg)).toEqual([])
  },
)
