import type { Reading } from './fields.ts'
import { quote } from './wording.ts'

interface CronField {
  readonly name: string
  readonly least: number
  readonly most: number
  /** From `least` on. */
  readonly words?: readonly string[]
}

const fields: readonly CronField[] = [
  { name: 'minute', least: 0, most: 59 },
  { name: 'hour', least: 0, most: 23 },
  { name: 'day of the month', least: 1, most: 31 },
  {
    name: 'month',
    least: 1,
    most: 12,
    words: ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'],
  },
  { name: 'day of the week', least: 0, most: 7, words: ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] },
]

/** In a leap year. */
const daysOfMonth = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]

/** Checks the five fields of crontab(5): numbers, names, `*`, ranges, lists and steps. */
export function readSchedule(text: string): Reading<string> {
  const parts = text.split(' ').filter((part) => part !== '')
  const hint = 'write minute, hour, day of the month, month, day of the week, such as "*/10 * * * *"'
  if (text.length > 128 || parts.length !== fields.length) {
    return {
      ok: false,
      message: `${quote(text)} is not a schedule of five fields`,
      hint: parts.length === 6 ? `${hint}; there is no field for seconds` : hint,
    }
  }
  const values = parts.map((part, index) => readField(part, fields[index]!))
  const wrong = values.indexOf(null)
  if (wrong !== -1) {
    const { name, least, most } = fields[wrong]!
    return {
      ok: false,
      message: `${quote(parts[wrong]!)} is not a ${name}: ${least} to ${most}, *, or a range, list or step of them`,
      hint,
    }
  }
  const [, , days, months] = values as number[][]
  // Also where a day of the week is named: node-cron refuses the date by itself.
  if (months!.every((month) => days!.every((day) => day > daysOfMonth[month - 1]!))) {
    return { ok: false, message: `${quote(text)} never comes: no such month has such a day`, hint }
  }
  return { ok: true, value: parts.join(' ') }
}

/** Runs in the fullest hour. */
export function runsPerHour(schedule: string): number {
  return new Set(readField(schedule.split(' ')[0]!, fields[0]!)).size
}

function readField(text: string, field: CronField): number[] | null {
  const values: number[] = []
  for (const item of text.split(',')) {
    const [, from, to, step] =
      /^(\*|\d{1,2}|[a-z]{3})(?:-(\d{1,2}|[a-z]{3}))?(?:\/(\d{1,2}))?$/i.exec(item) ?? []
    if (from === undefined) return null
    const isAll = from === '*'
    if (isAll && to !== undefined) return null
    const first = isAll ? field.least : readNumber(from, field)
    const last = isAll ? field.most : to === undefined ? first : readNumber(to, field)
    const by = step === undefined ? 1 : Number(step)
    if (first === null || last === null || first > last || by < 1 || by > field.most) return null
    // A step needs something to step through: cron programs do not agree on what 5/10 means.
    if (step !== undefined && !isAll && to === undefined) return null
    for (let value = first; value <= last; value += by) values.push(value)
  }
  return values
}

function readNumber(text: string, { least, most, words }: CronField): number | null {
  if (!/^\d/.test(text)) {
    const index = words?.indexOf(text.toLowerCase()) ?? -1
    return index === -1 ? null : least + index
  }
  const value = Number(text)
  return value >= least && value <= most ? value : null
}
