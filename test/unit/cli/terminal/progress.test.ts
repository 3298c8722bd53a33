import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { createProgress, withProgress } from '../../../../src/cli/terminal/progress.ts'

const model = new URL('../../../../scripts/recording/terminal.mjs', import.meta.url).href
const { Terminal } = (await import(model)) as {
  Terminal: new (
    columns: number,
    rows: number,
  ) => { readonly lines: readonly string[]; write(text: string): void }
}

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
  vi.unstubAllEnvs()
})

function terminalOf(columns = 40) {
  vi.stubEnv('TERM', 'xterm')
  const terminal = new Terminal(columns, 8)
  const write = (text: string) => terminal.write(text.replaceAll('\n', '\r\n'))
  const stream = { isTTY: true, columns, write }
  return { stream, shown: () => terminal.lines.filter((line) => line !== '') }
}

function pipeOf() {
  const written: string[] = []
  return { stream: { write: (text: string) => written.push(text) }, written }
}

test('on a terminal one line says what the command does and since when, and is gone at the end', () => {
  const { stream, shown } = terminalOf()
  const progress = createProgress({ lines: 'slow', stream })
  progress.step('check fra1-a')
  expect(shown()).toEqual(['check fra1-a …'])
  progress.step('check fra1-b')
  vi.advanceTimersByTime(3500)
  expect(shown()).toEqual(['check fra1-b …, 3 s'])
  progress.print('warning: old')
  expect(shown()).toEqual(['warning: old', 'check fra1-b …, 3 s'])
  progress.end()
  progress.end()
  expect(shown()).toEqual(['warning: old'])
})

test('a step that is longer than the terminal is wide is cut, so that it can be erased', () => {
  const { stream, shown } = terminalOf(20)
  const progress = createProgress({ lines: 'each', stream })
  progress.step('check the configuration of fra1-a')
  expect(shown()).toEqual(['check the configur…'])
  progress.end()
  expect(shown()).toEqual([])
})

test('without a terminal a quick command prints nothing, and a slow one its step every two seconds', () => {
  const { stream, written } = pipeOf()
  const quick = createProgress({ lines: 'slow', stream })
  quick.step('read sites')
  vi.advanceTimersByTime(1500)
  quick.end()
  vi.advanceTimersByTime(5000)
  expect(written).toEqual([])
  const slow = createProgress({ lines: 'slow', stream })
  slow.step('check a')
  vi.advanceTimersByTime(1000)
  slow.step('check b')
  vi.advanceTimersByTime(1500)
  expect(written).toEqual(['check b\n'])
  slow.step('check c')
  slow.step('check d')
  vi.advanceTimersByTime(1400)
  expect(written).toEqual(['check b\n'])
  vi.advanceTimersByTime(100)
  expect(written).toEqual(['check b\n', 'check d\n'])
})

test('without a terminal `each` prints every step at once, as scripts read it', () => {
  const { stream, written } = pipeOf()
  const progress = createProgress({ lines: 'each', stream })
  progress.step('parse check')
  progress.step('activate')
  expect(written).toEqual(['parse check\n', 'activate\n'])
})

test('the line is gone when the work fails too', async () => {
  const { stream, shown } = terminalOf()
  const work = withProgress({ lines: 'slow', stream }, async (progress) => {
    progress.step('fetch')
    await Promise.reject(new Error('no answer'))
  })
  await expect(work).rejects.toThrow('no answer')
  expect(shown()).toEqual([])
})
