import { readFile } from 'node:fs/promises'
import { join } from 'node:path'

const file = join(import.meta.dirname, '../../docs/logs.md')

/** The rows of the tables of docs/logs.md. */
export async function readLogTables(): Promise<
  { program: string; event: string; fields: ReadonlySet<string> }[]
> {
  const text = await readFile(file, 'utf8')
  return ['node', 'planner'].flatMap((program) => {
    const table = text.split(`<!-- ${program}: begin -->`)[1]!.split(`<!-- ${program}: end -->`)[0]!
    return [...table.matchAll(/^\| `([\w-]+)` \| (.*?) ?\| /gm)].map(([, event, fields]) => ({
      program,
      event: event!,
      fields: new Set([...fields!.matchAll(/`(\w+)`/g)].map(([, field]) => field!)),
    }))
  })
}
