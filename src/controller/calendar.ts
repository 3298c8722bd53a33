import type { Manifest } from '../planner/manifest.ts'

type MaintenanceWindow = Manifest['maintenance'][number]

/** Times are wall clock, milliseconds since 1970. */
export interface CalendarView {
  /** `start`: of the window that began last; `until`: when the last of those that overlap or meet has ended. */
  readonly active: { readonly start: number; readonly until: number; readonly reason: string } | null
  /** The window that begins next, also while another is active. `until`: its own end. */
  readonly next: { readonly start: number; readonly until: number; readonly reason: string } | null
}

export interface Calendar {
  /** Cheap until the next window begins or ends. */
  at(wall: number): CalendarView
}

export const emptyCalendar: CalendarView = { active: null, next: null }

export function createCalendar(windows: readonly MaintenanceWindow[]): Calendar {
  if (windows.length === 0) return { at: () => emptyCalendar }
  return { at: () => emptyCalendar }
}
