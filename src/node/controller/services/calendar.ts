import { createCronTimes } from '../../../manifest/cron.ts'
import type { Manifest } from '../../../manifest/manifest.ts'
import type { CalendarView } from '../../decision/intent.ts'

type MaintenanceWindow = Manifest['maintenance'][number]

export interface Calendar {
  /** Cached until the next window begins or ends. The result depends only on `wall`. */
  at(wall: number): CalendarView
}

const empty: CalendarView = { active: null, next: null }
/** Limit for windows that adjoin each other. */
const mostWindows = 1000

/** Computes a node's maintenance windows. It has no timers: the caller passes the time. */
export function createCalendar(windows: readonly MaintenanceWindow[]): Calendar {
  const entries = windows.map((window) => ({
    durationMs: window.durationMs,
    times: createCronTimes(window.cron, window.timezone),
    reason: `maintenance "${window.cron}" ${window.timezone}`,
  }))

  const look = (wall: number): CalendarView => {
    const runs = entries.flatMap(({ durationMs, times, reason }) => {
      const found = []
      // From the first window that can still be open to the first future one.
      for (let start = times.nextAfter(wall - durationMs); start !== null; start = times.nextAfter(start)) {
        found.push({ start, until: start + durationMs, reason })
        if (start > wall) break
      }
      return found
    })
    const latest = runs.filter(({ start }) => start <= wall).sort((a, b) => b.start - a.start)[0]
    const next = runs.filter(({ start }) => start > wall).sort((a, b) => a.start - b.start)[0] ?? null
    const active = latest === undefined ? null : { ...latest, until: endAfter(wall) }
    return { active, next }
  }
  const endAfter = (wall: number): number => {
    let end = wall
    for (let windows = 0; windows < mostWindows; ) {
      const before = end
      for (const { durationMs, times } of entries) {
        const start = times.nextAfter(end - durationMs)
        if (start === null || start > end) continue
        end = start + durationMs
        windows += 1
      }
      if (end === before) break
    }
    return end
  }

  let view = empty
  let validFrom = Number.POSITIVE_INFINITY
  let validUntil = Number.NEGATIVE_INFINITY
  return {
    at(wall) {
      if (entries.length === 0) return empty
      // A clock that was set back also invalidates the view.
      if (wall < validFrom || wall >= validUntil) {
        view = look(wall)
        validFrom = wall
        const never = Number.POSITIVE_INFINITY
        validUntil = Math.min(view.active?.until ?? never, view.next?.start ?? never)
      }
      return view
    },
  }
}
