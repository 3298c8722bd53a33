/** A part of a configuration that no bundle has written, and that an apply would remove. */
export interface Foreign {
  readonly kind: 'session' | 'protocol' | 'static-routes' | 'interface' | 'settings'
  /** `BGP session upstream1 to 10.0.0.1 AS 64601` */
  readonly what: string
  /** What the daemon reports about it; `null`: the daemon does not run it, or reports nothing. */
  readonly state: string | null
  /** `/etc/bird/bird.conf:12`; `null`: only the running daemon has it. */
  readonly place: string | null
}

/** The text of a configuration file, with the path that messages name. */
export interface ConfigText {
  readonly path: string
  readonly text: string
}

/** The first line of a file that `anyward plan` wrote. */
export function isWrittenByPlan(text: string): boolean {
  return /^[#!] .*Written by `anyward plan`/.test(text)
}

/** `BGP session upstream1 to 10.0.0.1 AS 64601: Established, 912,345 routes (/etc/bird/bird.conf:12)` */
export function formatForeign({ what, state, place }: Foreign): string {
  return `${what}: ${state ?? 'not running'} (${place ?? 'in no file'})`
}
