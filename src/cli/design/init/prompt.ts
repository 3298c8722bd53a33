import { createInterface } from 'node:readline'
import { CommandError } from '../../failure.ts'

/** What is wrong with an answer, and what to write; `null`: nothing. */
export type Check = (answer: string) => { message: string; hint: string | null } | null

export interface Prompt {
  say(line: string): void
  /** Repeats the question until the answer passes. An empty answer takes the default; without one it is checked too. */
  ask(text: string, fallback: string | null, check: Check): Promise<string>
  confirm(text: string, fallback: boolean): Promise<boolean>
  close(): void
}

/** Asks on the terminal. Lines that are pasted together are answers to one question after the other. */
export function openPrompt(): Prompt {
  const reader = createInterface({ input: process.stdin, output: process.stdout })
  // Ctrl-C ends the input, as Ctrl-D does.
  reader.on('SIGINT', () => reader.close())
  const lines = reader[Symbol.asyncIterator]()
  const say = (line: string) => process.stdout.write(`${line}\n`)
  const readAnswer = async (text: string): Promise<string> => {
    reader.setPrompt(text)
    reader.prompt()
    const { done, value } = await lines.next()
    if (done !== true) return value.trim()
    say('')
    throw new CommandError('the questions were not answered to the end', { hint: 'nothing was written' })
  }
  return {
    say,
    async ask(text, fallback, check) {
      for (;;) {
        const suffix = fallback === null || fallback === '' ? '' : ` [${fallback}]`
        const given = await readAnswer(`${text}${suffix}: `)
        const answer = given === '' ? (fallback ?? '') : given
        const wrong = check(answer)
        if (wrong === null) return answer
        say(`  ${wrong.message}${wrong.hint === null ? '' : `\n  ${wrong.hint}`}`)
      }
    },
    async confirm(text, fallback) {
      for (;;) {
        const answer = (await readAnswer(`${text} [${fallback ? 'Y/n' : 'y/N'}]: `)).toLowerCase()
        if (answer === '') return fallback
        if (answer === 'y' || answer === 'yes') return true
        if (answer === 'n' || answer === 'no') return false
        say('  answer y or n')
      }
    },
    close: () => reader.close(),
  }
}
