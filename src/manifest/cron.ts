import { quote } from '../text/wording.ts'

type ScheduleRead =
  | { readonly ok: true; readonly value: string }
  | { readonly ok: false; readonly message: string; readonly hint: string }

interface CronField {
  readonly name: string
  readonly least: number
  readonly most: number
  /** Names of the values, starting at `least`. */
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
export function readSchedule(text: string): ScheduleRead {
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
  // Also if a day of the week is set, because node-cron refuses the date itself.
  if (months!.every((month) => days!.every((day) => day > daysOfMonth[month - 1]!))) {
    return { ok: false, message: `${quote(text)} never occurs: none of its months has such a day`, hint }
  }
  return { ok: true, value: parts.join(' ') }
}

/** Runs per hour, at most. */
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
    // A step needs a range: cron programs differ on the meaning of 5/10.
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

/** When a schedule occurs, by the clock of a time zone. */
export interface CronTimes {
  /** Milliseconds since 1970: the first time after `instant`; `null`: none within 41 years. */
  nextAfter(instant: number): number | null
}

/** The rarest dates, a 29th of February that is a certain day of the week, are up to 40 years apart. */
const mostDays = 366 * 41
const minuteMs = 60_000
const dayMs = 86_400_000

/**
 * If both a day of the month and a day of the week are set, both must match, as in node-cron. A time that does not
 * exist in spring occurs at the same distance from midnight as on other days; one that occurs twice in autumn counts once.
 *
 * @param schedule as `readSchedule` returns it
 * @param timezone a name of the IANA time zone database
 */
export function createCronTimes(schedule: string, timezone: string): CronTimes {
  const [minutes, hours, days, months, weekdays] = schedule
    .split(' ')
    .map((text, index) => readField(text, fields[index]!)!)
    .map((values) => [...new Set(values)].sort((a, b) => a - b))
  const minutesOfDay = hours!.flatMap((hour) => minutes!.map((minute) => hour * 60 + minute))
  const offsetAt = createOffsets(timezone)

  /** Local times are written as if they were UTC. */
  const instantOf = (local: number): number => {
    const before = offsetAt(local - dayMs)
    const after = offsetAt(local + dayMs)
    const first = local - before
    // The time is before the clock change or does not exist; otherwise it is after the change.
    return before === after || offsetAt(first) === before || offsetAt(local - after) !== after
      ? first
      : local - after
  }
  const firstOn = (day: number, instant: number): number | null => {
    const local = day * dayMs
    const offset = offsetAt(local - dayMs)
    if (offset === offsetAt(local + 2 * dayMs)) {
      const minuteNow = (instant + offset - local) / minuteMs
      if (minuteNow >= minutesOfDay.at(-1)!) return null
      return local + minutesOfDay.find((minute) => minute > minuteNow)! * minuteMs - offset
    }
    // The clock changes: a later time may come earlier.
    const later = minutesOfDay
      .map((minute) => instantOf(local + minute * minuteMs))
      .filter((candidate) => candidate > instant)
    return later.length === 0 ? null : Math.min(...later)
  }
  return {
    nextAfter(instant) {
      const today = Math.floor((instant + offsetAt(instant)) / dayMs)
      // A time that was skipped at the end of yesterday occurs today.
      for (let day = today - 1; day < today + mostDays; day += 1) {
        const { month, dayOfMonth } = dateOf(day)
        if (!months!.includes(month) || !days!.includes(dayOfMonth)) continue
        // 1970 began on a Thursday; Sunday is 0 and 7.
        const weekday = (((day + 4) % 7) + 7) % 7
        if (!weekdays!.includes(weekday) && !(weekday === 0 && weekdays!.includes(7))) continue
        const found = firstOn(day, instant)
        if (found !== null) return found
      }
      return null
    },
  }
}

/** How far a zone's clock is ahead of UTC, in milliseconds, at an instant. */
function createOffsets(timezone: string): (instant: number) => number {
  const format = new Intl.DateTimeFormat('en-US', { timeZone: timezone, timeZoneName: 'longOffset' })
  const known = new Map<number, number>()
  return (instant) => {
    // Clocks change at full quarters of an hour. Intl is slow, so the offset is cached.
    const quarter = Math.floor(instant / (15 * minuteMs))
    let offset = known.get(quarter)
    if (offset === undefined) {
      const name = format
        .formatToParts(quarter * 15 * minuteMs)
        .find(({ type }) => type === 'timeZoneName')?.value
      const [, sign, hour = '0', minute = '0'] = /^GMT(?:([+-])(\d\d):(\d\d))?/.exec(name ?? '') ?? []
      offset = (Number(hour) * 60 + Number(minute)) * minuteMs * (sign === '-' ? -1 : 1)
      if (known.size > 10_000) known.clear()
      known.set(quarter, offset)
    }
    return offset
  }
}

/** The Gregorian date of a day, counted from the first of January 1970, in years that begin in March. */
function dateOf(day: number): { month: number; dayOfMonth: number } {
  const shifted = day + 719_468
  const dayOfEra = shifted - Math.floor(shifted / 146_097) * 146_097
  const yearOfEra = Math.floor(
    (dayOfEra -
      Math.floor(dayOfEra / 1460) +
      Math.floor(dayOfEra / 36_524) -
      Math.floor(dayOfEra / 146_096)) /
      365,
  )
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100))
  const marchMonth = Math.floor((5 * dayOfYear + 2) / 153)
  return {
    month: marchMonth < 10 ? marchMonth + 3 : marchMonth - 9,
    dayOfMonth: dayOfYear - Math.floor((153 * marchMonth + 2) / 5) + 1,
  }
}
