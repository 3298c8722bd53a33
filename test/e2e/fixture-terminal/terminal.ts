import { stripVTControlCharacters } from 'node:util'
import { execa } from 'execa'
import { patience } from '../../patience.ts'

/** What is typed, by the question that it answers; a question that is asked again takes the next line. */
export type Answers = readonly (readonly [question: RegExp, ...lines: string[]])[]

/**
 * Runs a command on a terminal of its own (util-linux's script), and answers each question when it is asked. Returns all
 * that the terminal shows.
 */
export async function runOnTerminal(
  command: readonly string[],
  { cwd, answers }: { readonly cwd: string; readonly answers: Answers },
): Promise<{ shown: string; exitCode: number | undefined }> {
  const words = command.map((word) => `'${word}'`).join(' ')
  const child = execa('script', ['--quiet', '--flush', '--return', '--command', words, '/dev/null'], {
    cwd,
    reject: false,
    timeout: patience(60_000),
    env: { TERM: 'xterm' },
  })
  const left = new Map(answers.map(([question, ...lines]) => [question, lines]))
  let shown = ''
  let answered = 0
  child.stdout.on('data', (chunk: Buffer) => {
    shown += chunk.toString()
    const text = stripVTControlCharacters(shown)
    const question = /[^\n]*: $/.exec(text.slice(answered))?.[0]
    if (question === undefined) return
    const entry = [...left].find(([pattern, lines]) => pattern.test(question) && lines.length > 0)
    answered = text.length
    child.stdin.write(entry === undefined ? '\r' : `${entry[1].shift()}\r`)
  })
  const { exitCode } = await child
  return { shown: stripVTControlCharacters(shown).replaceAll('\r', ''), exitCode }
}
