import type { Issue } from '../../text/issue.ts'
import { parseFleet } from '../sites/parse.ts'
import type { Left } from '../takeover/router.ts'
import type { Answers, NewNeighbor } from './answers.ts'
import { writeFleetFile, writeSiteFile } from './yaml.ts'

export type Question = Exclude<keyof Answers, 'allow' | 'daemonVersion'>

const fleetName = 'fleet.yaml'

/** The issues of the YAML that the answers make, with the question that each belongs to. */
export function checkAnswers(
  answers: Answers,
): { readonly issue: Issue; readonly question: Question | null }[] {
  const { issues } = parseFleet([
    { name: fleetName, text: writeFleetFile(answers) },
    { name: `${answers.site ?? 'site'}.yaml`, text: writeSiteFile(answers) },
  ])
  return issues.map((issue) => ({ issue, question: findQuestion(issue, answers) }))
}

/** The first error in the answer to one question, while others may be missing; `null`: there is none. */
export function checkAnswer(answers: Answers, question: Question): Issue | null {
  const wrong = checkAnswers(answers).find(
    (found) => found.question === question && found.issue.severity === 'error',
  )
  return wrong?.issue ?? null
}

const places: readonly (readonly [pattern: RegExp, question: Question])[] = [
  [/^asn$/, 'asn'],
  [/^services\[?.*\]?\.anycast(?:\[|$)/, 'anycast'],
  [/^services\[?.*\]?\.covering(?:\[|$)/, 'covering'],
  [/\.wireguard\.interface$/, 'interface'],
  [/\.wireguard\.port$/, 'port'],
  [/\.wireguard\.publicKey$/, 'publicKey'],
  [/\.wireguard\.addresses(?:\[|$)/, 'tunnelAddress'],
  [/\.probe\.address$/, 'probeAddress'],
  [/^site$/, 'site'],
  [/^nodes\[0\]\.name$/, 'node'],
  [/^nodes\[0\]\.daemon$/, 'daemon'],
  [/^nodes\[0\]\.routerId$/, 'routerId'],
  [/^nodes\[0\]\.neighbors/, 'neighbors'],
  [/^services/, 'service'],
]

function findQuestion({ path }: Issue, answers: Answers): Question | null {
  const question = places.find(([pattern]) => pattern.test(path))?.[1] ?? null
  // What is not answered yet is missing, and that is no error of another answer.
  if (question === null || question === 'service' || question === 'neighbors') return question
  return answers[question] === undefined ? null : question
}

/** Without these the session would be another one. */
const essential = new Set([
  'name',
  'kind',
  'asn',
  'address',
  'interface',
  'localAddress',
  'localAs',
  'vrf',
  'multihop',
])

/**
 * Takes out of the neighbors what the YAML does not allow: a setting, or a whole session where it is essential. What a
 * configuration has is valid for its daemon, not always for Anyward.
 */
export function dropInvalid(answers: Answers): { readonly answers: Answers; readonly left: Left[] } {
  const left: Left[] = []
  let neighbors: readonly NewNeighbor[] = answers.neighbors
  for (;;) {
    const errors = new Map<number, Map<string, Issue>>()
    for (const { issue } of checkAnswers({ ...answers, neighbors })) {
      const match = /^nodes\[0\]\.neighbors\[(\d+)\](?:\.([A-Za-z]+))?/.exec(issue.path)
      if (match === null || issue.severity !== 'error') continue
      const index = Number(match[1])
      errors.set(index, (errors.get(index) ?? new Map()).set(match[2] ?? '', issue))
    }
    const before = neighbors
    neighbors = before.flatMap((neighbor, index) => {
      const wrong = errors.get(index)
      if (wrong === undefined || neighbor.source === null) return [neighbor]
      const { name, ...place } = neighbor.source
      const fatal = [...wrong].find(([key]) => essential.has(key) || !Object.hasOwn(neighbor.values, key))
      if (fatal !== undefined) {
        left.push({ ...place, text: name, reason: `the session: ${describeIssue(...fatal)}` })
        return []
      }
      const values = { ...neighbor.values }
      for (const [key, issue] of wrong) {
        delete values[key]
        left.push({ ...place, text: name, reason: describeIssue(key, issue) })
      }
      return [{ ...neighbor, values }]
    })
    if (neighbors.every((neighbor, index) => neighbor === before[index])) {
      return { answers: { ...answers, neighbors }, left }
    }
  }
}

function describeIssue(key: string, { message }: Issue): string {
  return key === '' ? message : `${key}: ${message}`
}

/** The first error in one field of a further neighbor; `null`: there is none. */
export function checkNeighborField(answers: Answers, neighbor: NewNeighbor, field: string): Issue | null {
  const neighbors = [...answers.neighbors, neighbor]
  const path = `nodes[0].neighbors[${neighbors.length - 1}].${field}`
  const wrong = checkAnswers({ ...answers, neighbors }).find(
    ({ issue }) => issue.severity === 'error' && issue.path === path,
  )
  return wrong?.issue ?? null
}
