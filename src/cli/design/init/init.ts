import type { Answers } from '../../../plan/init/answers.ts'
import { checkAnswers, type Question } from '../../../plan/init/check.ts'
import { questions } from '../../../plan/init/questions.ts'
import { listCandidates } from '../../../plan/init/sessions.ts'
import { findBogonRanges } from '../../../plan/init/suggest.ts'
import { takeSessions } from '../../../plan/init/take-sessions.ts'
import { writeFleetFile, writeSiteFile } from '../../../plan/init/yaml.ts'
import { detectWireguard } from '../../../plan/service/init/detect-wireguard.ts'
import { readConfig } from '../../../plan/service/init/read-config.ts'
import { refuseExisting, writeSites } from '../../../plan/service/init/write-sites.ts'
import { readInstalledVersion } from '../../../plan/service/installed-version.ts'
import type { FoundRouter, Left } from '../../../plan/takeover/router.ts'
import { formatIssue, type Issue } from '../../../text/issue.ts'
import { CommandError, exitCode } from '../../failure.ts'
import { validate } from '../validate.ts'
import { askKinds, askNeighbors, askQuestions } from './dialogue.ts'
import { fillDefaults, type InitOptions, listMissing, readFlags, readKinds } from './flags.ts'
import { printLeft, printNext } from './print.ts'
import { openPrompt, type Prompt } from './prompt.ts'

const fleetFile = 'fleet.yaml'

/** Writes a first fleet.yaml and a site's file. */
export async function init(options: InitOptions): Promise<void> {
  await refuseExisting(options.sites, [fleetFile])
  const found = options.from === undefined ? null : readConfig(options.from, options.daemon ?? null)
  const flags = addFound(readFlags(options), found)
  const asks = options.json !== true && process.stdin.isTTY && process.stdout.isTTY
  const filled = asks ? await ask(options, flags, found) : await takeFlags(options, flags, found)
  const { left } = filled
  const answers = await addVersion(filled.answers)
  refuseInvalid(answers)
  const files = await writeSites(
    options.sites,
    new Map([
      [fleetFile, writeFleetFile(answers)],
      [`${answers.site}.yaml`, writeSiteFile(answers)],
    ]),
  )
  if (options.json) {
    process.stdout.write(`${JSON.stringify({ files, left }, null, 2)}\n`)
    return
  }
  process.stdout.write(`${files.map((file) => `wrote ${file}`).join('\n')}\n\n`)
  if (left.length > 0) printLeft(options.from!, left)
  await validate({ sites: options.sites })
  printNext(answers, options.sites)
}

interface Filled {
  readonly answers: Answers
  readonly left: readonly Left[]
}

/** What the flags do not say, and the configuration does. */
function addFound(flags: Answers, found: FoundRouter | null): Answers {
  if (found === null) return flags
  return {
    daemon: found.daemon,
    ...(found.asn !== null && { asn: String(found.asn) }),
    ...(found.routerId !== null && { routerId: found.routerId }),
    ...flags,
  }
}

async function addVersion(answers: Answers): Promise<Answers> {
  const { daemon } = answers
  if (daemon !== 'bird' && daemon !== 'frr') return answers
  const installed = await readInstalledVersion(daemon).catch(() => null)
  // Without what a distribution appends.
  const version = /^\d+\.\d+(?:\.\d+)?/.exec(installed ?? '')?.[0]
  if (version === undefined) return answers
  const complete = { ...answers, daemonVersion: version }
  // The node may be another machine: a version here that has an error is no reason to refuse the answers.
  return countErrors(complete) > countErrors(answers) ? answers : complete
}

function countErrors(answers: Answers): number {
  return checkAnswers(answers).filter(({ issue }) => issue.severity === 'error').length
}

async function ask(options: InitOptions, flags: Answers, found: FoundRouter | null): Promise<Filled> {
  refuseInvalid(flags, { isPartial: true })
  const prompt = openPrompt()
  try {
    prompt.say(
      `This writes ${options.sites}/${fleetFile} and a first site beside it. Enter takes what is in [brackets];`,
    )
    prompt.say('Ctrl-C ends without writing anything.')
    const answers = await askQuestions(prompt, flags, detectWireguard)
    const taken = await addSessions(options, answers, found, prompt)
    if (taken.answers.neighbors.length > 0) return taken
    return { ...taken, answers: await askNeighbors(prompt, taken.answers) }
  } finally {
    prompt.close()
  }
}

async function takeFlags(options: InitOptions, flags: Answers, found: FoundRouter | null): Promise<Filled> {
  const filled = fillDefaults(flags, await detectWireguard(flags.interface ?? 'wg0'))
  const allow = options.allowBogons
    ? findBogonRanges([...(filled.anycast ?? []), ...(filled.covering ?? [])]).map(({ range }) => range)
    : []
  refuseInvalid({ ...filled, allow }, { isPartial: true })
  const taken = await addSessions(options, { ...filled, allow }, found, null)
  const missing = listMissing(taken.answers)
  if (missing.length > 0) {
    throw new CommandError(
      `there is no terminal to ask on, and these flags are missing:\n    ${missing.join('\n    ')}`,
      {
        hint: 'nothing was written; run it on a terminal to be asked',
      },
    )
  }
  return taken
}

/** The sessions of the configuration, with the kinds that are asked for, given or guessed. */
async function addSessions(
  options: InitOptions,
  answers: Answers,
  found: FoundRouter | null,
  prompt: Prompt | null,
): Promise<Filled> {
  const candidates =
    found === null || answers.asn === undefined ? [] : listCandidates(found, Number(answers.asn))
  const given = readKinds(
    options.kind ?? [],
    candidates.map(({ name }) => name),
  )
  if (found === null || answers.asn === undefined) return { answers, left: [] }
  const open = candidates.filter(({ name, kind }) => kind === null && !given.has(name))
  const asked = prompt === null ? [] : await askKinds(prompt, open)
  return takeSessions(answers, found, new Map([...given, ...asked]))
}

/** With the flag in place of the position in a file that does not exist yet. */
function refuseInvalid(answers: Answers, { isPartial = false } = {}): void {
  const errors = checkAnswers(answers).filter(
    ({ issue, question }) =>
      issue.severity === 'error' && (!isPartial || question !== null) && !(isPartial && isMissing(issue)),
  )
  if (errors.length === 0) return
  const lines = errors.map(({ issue, question }) => {
    const { hint } = issue
    const cure = hint?.includes('bogons.allow')
      ? 'if this is intended, as in a lab, add --allow-bogons'
      : hint
    return `${describeError(issue, question)}${cure === null || cure === undefined ? '' : `\n        ${cure}`}`
  })
  throw new CommandError(`the answers are not valid:\n    ${lines.join('\n    ')}`, {
    hint: 'nothing was written',
    exitCode: exitCode.findings,
  })
}

function describeError(issue: Issue, question: Question | null): string {
  const field = /^nodes\[0\]\.neighbors\[(\d+)\](?:\.(.+))?$/.exec(issue.path)
  if (field !== null) {
    return `--neighbor ${Number(field[1]) + 1}, ${field[2] === undefined ? '' : `${field[2]}: `}${issue.message}`
  }
  const flag = question === 'service' ? '--service' : questions.find(({ key }) => key === question)?.flag
  return flag === undefined ? formatIssue({ ...issue, hint: null }) : `${flag}: ${issue.message}`
}

function isMissing({ message }: Issue): boolean {
  return message === 'is missing' || message === 'has no value'
}
