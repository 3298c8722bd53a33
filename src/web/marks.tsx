import type { ComponentChildren } from 'preact'
import { useState } from 'preact/hooks'
import type { Level } from './node/verdict.ts'

const marks: Readonly<Record<Level, string>> = { ok: '✔', planned: '‖', warn: '▲', bad: '✖' }

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

/** Terms, each with what is known of it. */
export function Facts({ facts }: { facts: readonly (readonly [term: string, text: string])[] }) {
  return (
    <dl>
      {facts.map(([term, text]) => (
        <div key={term}>
          <dt>{term}</dt>
          <dd>{text}</dd>
        </div>
      ))}
    </dl>
  )
}

/** Of a long list, the rest. */
export function ShowAll({ shown, all, onShow }: { shown: number; all: number; onShow: () => void }) {
  if (shown >= all) return null
  return (
    <button type="button" onClick={onShow}>
      Show all {all}
    </button>
  )
}

/** Its content is there only while it is open. */
export function Closed({
  summary,
  level,
  children,
}: {
  summary: string
  level: Level
  children: ComponentChildren
}) {
  const [isOpen, setOpen] = useState(false)
  return (
    <details onToggle={({ currentTarget }) => setOpen(currentTarget.open)}>
      <summary>
        <Mark level={level} /> {summary}
      </summary>
      {isOpen && children}
    </details>
  )
}

/** With a store, each node knows of all. */
export function Views({ isFleet }: { isFleet: boolean }) {
  return (
    <nav aria-label="views">
      <a href="#node" aria-current={isFleet ? undefined : 'page'}>
        this node
      </a>{' '}
      <a href="#fleet" aria-current={isFleet ? 'page' : undefined}>
        the fleet
      </a>
    </nav>
  )
}
