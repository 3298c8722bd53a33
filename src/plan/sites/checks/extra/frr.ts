import { frrSecretWords } from '../../../../syntax/frr-secrets.ts'
import { type ExtraProblem, namesHint, ourNames, secretHint, secretReference } from './problem.ts'

/** FRR reads lines of up to 4095 characters, and the rest of a longer one as a line of its own. */
const longestLine = 1000

/** Commands that could change what the planner writes, or leave the configuration. FRR also accepts their beginnings. */
const refused: readonly (readonly [words: string, hint: string])[] = [
  [
    'router bgp',
    'list the session under neighbors; a node with BGP sessions of its own needs routing: attached',
  ],
  ['rpki', 'set rpki in fleet.yaml'],
  ['frr', 'leave it out: the planner writes it'],
  ...['do', 'end', 'quit', 'configure', 'write', 'copy', 'clear', 'start-shell', 'mgmt', 'disable'].map(
    (word): [string, string] => [word, 'leave it out: it is no line of a configuration'],
  ),
]
/** Of the commands that begin with `bgp` outside of `router bgp`, those that change nothing of the sessions. */
const bgpLists = new Set(['as-path', 'community-list', 'large-community-list', 'extcommunity-list'])

/** Lines after which `exit` ends a block. */
const openers = new Set([
  ...['interface', 'router', 'route-map', 'vrf', 'key', 'line', 'bfd', 'nexthop-group', 'pbr-map'],
  ...['segment-routing', 'mpls', 'address-family', 'peer', 'profile'],
])

const secretWord = new RegExp(`^${frrSecretWords}$`)

/** What would change the planner's part of a frr.conf. */
export function findFrrProblems(text: string): ExtraProblem[] {
  const problems: ExtraProblem[] = []
  let depth = 0
  for (const [index, line] of text.split('\n').entries()) {
    const words = line.trim().split(/[ \t]+/)
    const [first = ''] = words
    if (first === '' || first.startsWith('!') || first.startsWith('#')) {
      if (line.length > longestLine) problems.push({ line: index + 1, ...tooLong })
      continue
    }
    const problem = judge(line, words, depth)
    if (problem !== null) problems.push({ line: index + 1, ...problem })
    if (/^ex/.test(first)) depth = Math.max(depth - 1, 0)
    else if (openers.has(first)) depth = /^\s/.test(line) ? depth + 1 : 1
    else if (!/^\s/.test(line)) depth = 0
  }
  return problems
}

type Judgement = Omit<ExtraProblem, 'line'>

const tooLong: Judgement = {
  message: `has a line of more than ${longestLine} characters`,
  hint: 'FRR would read its end as another line: divide it',
}

function judge(line: string, words: readonly string[], depth: number): Judgement | null {
  if (line.length > longestLine) return tooLong
  const ours = words.find((word) => !secretReference.test(word) && ourNames.test(word))
  if (ours !== undefined) return { message: `has the name ${ours}`, hint: namesHint }
  // `no X` undoes what X does, and is refused as X is.
  const command = isShortFor(words[0]!, 'no') ? words.slice(1) : words
  const [first = '', second = ''] = command
  for (const [known, hint] of refused) {
    const parts = known.split(' ')
    if (parts.every((part, index) => isShortFor(command[index] ?? '', part))) {
      return {
        message: `has ${words.slice(0, parts.length + words.length - command.length).join(' ')}`,
        hint,
      }
    }
  }
  if (isShortFor(first, 'bgp') && !bgpLists.has(second)) {
    return { message: `has ${first} ${second}`.trimEnd(), hint: 'the planner writes what concerns BGP' }
  }
  if (/^ex/.test(first) && depth === 0) {
    return {
      message: 'has an exit that ends no block',
      hint: 'leave it out: the next command ends the block',
    }
  }
  // IS-IS and Babel have the family before the source.
  const source = ['static', 'connected'].find((one) =>
    command.slice(1, 3).some((word) => isShortFor(word, one)),
  )
  if (isShortFor(first, 'redistribute') && source !== undefined && !words.includes('route-map')) {
    const what = { static: 'the prefixes that the node announces', connected: 'the anycast addresses' }[
      source
    ]
    return {
      message: `has ${words.join(' ')}`,
      hint: `add a route-map: ${what} are among them, also while they are withdrawn`,
    }
  }
  const secretAt = first === 'description' ? -1 : command.findIndex((word) => secretWord.test(word))
  const secret = secretAt === -1 ? undefined : command.at(-1)
  if (secret !== undefined && secretAt < command.length - 1 && !secretReference.test(secret)) {
    return { message: `has a secret in clear text, behind ${command[secretAt]}`, hint: secretHint }
  }
  return null
}

/** Whether FRR reads a word as the beginning of a command's word. */
function isShortFor(word: string, full: string): boolean {
  return word !== '' && full.startsWith(word.toLowerCase())
}
