import type { ComponentChildren } from 'preact'
import type { Level } from './verdict.ts'

const marks: Readonly<Record<Level, string>> = { ok: '✔', planned: '⏸', warn: '▲', bad: '✖' }

/** A symbol for those who see it; the words beside it say the same. */
export function Mark({ level }: { level: Level }) {
  return (
    <span class={`symbol ${level}`} aria-hidden="true">
      {marks[level]}
    </span>
  )
}

export function markOf(level: Level): string {
  return marks[level]
}

/** A text with commands in backquotes. */
export function Code({ text }: { text: string }) {
  return (
    <>{text.split('`').map((part, at) => (at % 2 === 1 ? <code key={`${at}${part}`}>{part}</code> : part))}</>
  )
}

/** A wide table on a telephone: it scrolls, also with the keyboard. */
export function Scroll({ label, children }: { label: string; children: ComponentChildren }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: without the focus, the arrow keys do not scroll it.
    <section class="scroll" aria-label={label} tabIndex={0}>
      {children}
    </section>
  )
}
