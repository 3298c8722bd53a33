import { type NeighborKind, neighborKinds } from '../../../manifest/words.ts'
import type { Answers, NewNeighbor } from '../../../plan/init/answers.ts'
import { checkAnswer, checkNeighborField } from '../../../plan/init/check.ts'
import { type DetectedWireguard, type QuestionText, questions } from '../../../plan/init/questions.ts'
import type { Candidate } from '../../../plan/init/sessions.ts'
import { proposeKind } from '../../../plan/init/sessions.ts'
import { asPlainAsn, findBogonRanges } from '../../../plan/init/suggest.ts'
import { shorten } from '../../../plan/takeover/router.ts'
import { alternatives } from '../../../text/wording.ts'
import { splitList } from './flags.ts'
import type { Check, Prompt } from './prompt.ts'

/** Asks what the flags and the configuration have not answered. */
export async function askQuestions(
  prompt: Prompt,
  given: Answers,
  detect: (interfaceName: string) => Promise<DetectedWireguard>,
): Promise<Answers> {
  let answers = given
  let detected: DetectedWireguard = { publicKey: null, port: null, addresses: [] }
  for (const question of questions) {
    if (answers[question.key] === undefined) answers = await askQuestion(prompt, question, answers, detected)
    if (question.key === 'interface') detected = await detect(answers.interface!)
    if (question.key === 'anycast' || question.key === 'covering')
      answers = await allowBogons(prompt, answers)
  }
  return answers
}

async function askQuestion(
  prompt: Prompt,
  { key, text, example, isList, propose, normalize }: QuestionText,
  answers: Answers,
  detected: DetectedWireguard,
): Promise<Answers> {
  const proposal = propose(answers, detected)
  const fallback = proposal === null ? null : [proposal].flat().join(' ')
  const apply = (answer: string): Answers => ({
    ...answers,
    [key]: isList ? splitList(answer).map(normalize) : normalize(answer),
  })
  const check: Check = (answer) => {
    if (answer === '') return { message: 'an answer is needed', hint: `such as ${example}` }
    // Whether a bogon range is intended is the next question.
    const next = apply(answer)
    return checkAnswer({ ...next, allow: [...next.allow, ...rangesOf(next).map(({ range }) => range)] }, key)
  }
  const shown = fallback === null ? `${text} (such as ${example})` : text
  return apply(await prompt.ask(shown, fallback, check))
}

function rangesOf({ anycast = [], covering = [] }: Answers) {
  return findBogonRanges([...anycast, ...covering])
}

async function allowBogons(prompt: Prompt, answers: Answers): Promise<Answers> {
  const allow = [...answers.allow]
  for (const { range, purpose } of rangesOf(answers)) {
    if (allow.includes(range)) continue
    const isIntended = await prompt.confirm(
      `${range} is ${purpose}. Is it used intentionally, as in a lab?`,
      false,
    )
    if (isIntended) allow.push(range)
    else {
      // Both are asked again, because one follows from the other.
      const { anycast: _, covering: __, ...rest } = answers
      const again = await askQuestion(
        prompt,
        questions.find(({ key }) => key === 'anycast')!,
        rest,
        noWireguard,
      )
      return allowBogons(prompt, again)
    }
  }
  return { ...answers, allow }
}

const noWireguard: DetectedWireguard = { publicKey: null, port: null, addresses: [] }

/** What each of these sessions of the configuration is, by its name. */
export async function askKinds(
  prompt: Prompt,
  candidates: readonly Candidate[],
): Promise<Map<string, NeighborKind>> {
  const kinds = new Map<string, NeighborKind>()
  for (const candidate of candidates) {
    const { name, asn, session } = candidate
    const place = shorten(session.address ?? session.interface ?? '')
    const text = `What is ${name}, AS ${asn}, ${place}: ${alternatives(neighborKinds)}`
    const answer = await prompt.ask(text, proposeKind(candidate), checkKind)
    kinds.set(name, neighborKinds.find((kind) => kind === answer)!)
  }
  return kinds
}

const checkKind: Check = (answer) =>
  neighborKinds.some((kind) => kind === answer)
    ? null
    : { message: `${answer} is not a kind`, hint: `write ${alternatives(neighborKinds)}` }

/** One neighbor, or several. */
export async function askNeighbors(prompt: Prompt, given: Answers): Promise<Answers> {
  let answers = given
  do {
    answers = { ...answers, neighbors: [...answers.neighbors, await askNeighbor(prompt, answers)] }
  } while (await prompt.confirm('Another neighbor?', false))
  return answers
}

async function askNeighbor(prompt: Prompt, answers: Answers): Promise<NewNeighbor> {
  const number = answers.neighbors.length + 1
  let neighbor: NewNeighbor = { values: {}, comments: {}, source: null }
  const ask = async (field: string, text: string, fallback: string | null, isOptional = false) => {
    const apply = (answer: string): NewNeighbor => {
      const value = /^\d+$/.test(answer) && field !== 'name' ? Number(answer) : answer
      return { ...neighbor, values: { ...neighbor.values, [field]: value } }
    }
    const answer = await prompt.ask(text, fallback, (given) => {
      const text = field === 'asn' ? asPlainAsn(given) : given
      if (text === '') return isOptional ? null : { message: 'an answer is needed', hint: null }
      return checkNeighborField(answers, apply(text), field)
    })
    if (answer !== '') neighbor = apply(field === 'asn' ? asPlainAsn(answer) : answer)
    return answer
  }
  prompt.say(`Neighbor ${number}`)
  const kind = await ask('kind', `  Its kind: ${alternatives(neighborKinds)}`, 'transit')
  await ask('name', '  Its name', `${kind}${number}`)
  await ask('asn', '  Its AS number', kind === 'ibgp' ? (answers.asn ?? null) : null)
  await ask('address', '  Its address', null)
  await ask('localAddress', '  The node’s own address on that link (empty: the daemon’s choice)', null, true)
  if (kind !== 'ibgp') {
    await ask('multihop', '  Hops to it (empty: it is on the link)', null, true)
  }
  await ask('passwordFile', '  File on the node with its TCP MD5 password (empty: it has none)', null, true)
  const { name } = neighbor.values
  const values = { name, ...neighbor.values }
  if (kind === 'peer' || kind === 'route-server' || kind === 'ibgp') return { ...neighbor, values }
  return {
    ...neighbor,
    values: { ...values, import: 'default-only' },
    comments: { import: 'only the default route; other choices: full, nothing' },
  }
}
