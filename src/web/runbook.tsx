import { useState } from 'preact/hooks'
import { askRunbooks } from './follow.ts'
import { Code } from './marks.tsx'

/** Asked for once, while the connection is there: a runbook may be needed when it is not. */
let loaded: Promise<Readonly<Record<string, string>>> | null = null

export function loadRunbooks() {
  loaded ??= askRunbooks().catch(() => {
    loaded = null
    return {}
  })
  return loaded
}

/** The text of docs/runbooks, when it is opened. */
export function Runbook({ name }: { name: string }) {
  const [text, setText] = useState<string | null>(null)
  const open = (isOpen: boolean) => {
    if (isOpen && text === null) void loadRunbooks().then((all) => setText(all[name] ?? 'It is not here.'))
  }
  return (
    <details class="runbook" onToggle={({ currentTarget }) => open(currentTarget.open)}>
      <summary>
        Runbook: <code>{name}</code>
      </summary>
      {text !== null && <Prose text={text} />}
    </details>
  )
}

/** As much of Markdown as the runbooks use. */
function Prose({ text }: { text: string }) {
  return (
    <>
      {text
        .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
        .split(/\n{2,}/)
        .map((block) => {
          const key = block.slice(0, 80)
          if (block.startsWith('# ')) return <h3 key={key}>{block.slice(2)}</h3>
          if (block.startsWith('## ')) return <h4 key={key}>{block.slice(3)}</h4>
          if (block.startsWith('```')) return <pre key={key}>{block.replace(/^```.*\n|\n?```\s*$/g, '')}</pre>
          if (/^(?:-|\d+\.) /.test(block)) {
            const items = block.split(/\n(?=(?:-|\d+\.) )/)
            return (
              <ul key={key}>
                {items.map((item) => (
                  <li key={item}>
                    <Code text={item.replace(/^(?:-|\d+\.) /, '')} />
                  </li>
                ))}
              </ul>
            )
          }
          return (
            <p key={key}>
              <Code text={block} />
            </p>
          )
        })}
    </>
  )
}
