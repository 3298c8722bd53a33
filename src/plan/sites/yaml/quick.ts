import {
  boolCoreTag,
  EVENT_ID,
  type Event,
  floatCoreTag,
  getScalarValue,
  intCoreTag,
  NOT_RESOLVED,
  nullCoreTag,
  parseEvents,
  SCALAR_STYLE,
  type ScalarEvent,
} from 'js-yaml'
import { plainScalar } from './numbers.ts'

/** Each is well within the limits of `lexWithinLimits` and of `readSource`. */
const longest = 65_536
const deepest = 16

/**
 * What two parsers may understand differently, or what begins an anchor, a tag, an explicit key, another document, or
 * an indentation that is too deep to be read.
 */
const unusual = new RegExp(
  [
    // Of the control characters, a line feed is the only usual one.
    '[^\\n\\x20-\\x7e\\xa0-\\u2027\\u202a-\\ufefe\\uff00-\\uffff]',
    '[&!?]',
    // A document begins before the first character or nowhere.
    '[^]---',
    '^[%]',
    '^[.]{3}',
    '^[ :-]{100}',
    // js-yaml accepts text right behind a bracket.
    '[\\]}][^\\s,\\]}:]',
  ].join('|'),
  'm',
)

/**
 * Reads the YAML that nearly all files consist of: maps, lists and scalars of one line, without anchors and tags.
 * `null`: `readCarefully` has to read it, and to report what is wrong. Whatever this one reads, that one reads in the same
 * way (docs/decisions/0018-two-yaml-parsers.md).
 */
export function readQuickly(text: string): { readonly value: unknown } | null {
  if (text.length > longest || unusual.test(text)) return null
  let events: readonly Event[]
  try {
    events = parseEvents(text, { maxDepth: deepest })
  } catch {
    return null
  }
  return buildValue(events, text)
}

interface MapFrame {
  readonly map: Record<string, unknown>
  key: string | null
}
type Frame = MapFrame | { readonly list: unknown[] }

function buildValue(events: readonly Event[], text: string): { readonly value: unknown } | null {
  const outer: (Frame | null)[] = []
  let frame: Frame | null = null
  let root: unknown
  let documents = 0

  const add = (value: unknown): void => {
    if (frame === null) root = value
    else if ('list' in frame) frame.list.push(value)
    else {
      frame.map[frame.key!] = value
      frame.key = null
    }
  }

  for (const event of events) {
    if (event.type === EVENT_ID.POP) {
      frame = outer.pop() ?? null
      continue
    }
    if (event.type === EVENT_ID.DOCUMENT) {
      documents += 1
      if (documents > 1 || event.explicitEnd || event.directives.length > 0) return null
      outer.push(null)
      continue
    }
    if (event.type === EVENT_ID.ALIAS || event.anchorStart !== -1 || event.tagStart !== -1) return null
    const isKey: boolean = frame !== null && 'map' in frame && frame.key === null
    if (event.type === EVENT_ID.SCALAR) {
      if (!isOrdinary(event, text)) return null
      const written = getScalarValue(text, event)
      if (isKey) {
        const { map } = frame as MapFrame
        if (written === '' || written === '<<' || written === '__proto__' || written in map) return null
        ;(frame as MapFrame).key = written
      } else {
        const value = event.style === SCALAR_STYLE.PLAIN ? resolvePlain(written) : written
        if (value === undefined) return null
        add(value)
      }
      continue
    }
    if (isKey) return null
    outer.push(frame)
    if (event.type === EVENT_ID.SEQUENCE) {
      const list: unknown[] = []
      add(list)
      frame = { list }
    } else {
      const map: Record<string, unknown> = Object.create(null)
      add(map)
      frame = { map, key: null }
    }
  }
  return documents === 1 ? { value: root } : null
}

/** Of one line, without escapes, and with nothing right behind its closing quote. */
function isOrdinary({ valueStart, valueEnd, fast, style }: ScalarEvent, text: string): boolean {
  if (valueStart === -1) return true
  return fast && (style === SCALAR_STYLE.PLAIN || /^(?:[\s,\]}:]|$)/.test(text.charAt(valueEnd + 1)))
}

/** `undefined`: a number that only the other parser takes for one, since it is too large. */
function resolvePlain(text: string): unknown {
  for (const { resolve, implicitFirstChars } of [nullCoreTag, boolCoreTag, intCoreTag, floatCoreTag]) {
    if (!implicitFirstChars?.includes(text.charAt(0))) continue
    const value = resolve(text, false, '')
    if (value !== NOT_RESOLVED) return plainScalar(value, text)
  }
  return /^[-+.\d]/.test(text) && !Number.isNaN(Number(text)) ? undefined : text
}
