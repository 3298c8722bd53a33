import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { expect, test } from 'vitest'
import { type Course, type Fault, faults, healthy } from './faults.ts'
import { forSecondsOf, type Rule, rules, rulesFile } from './rules.ts'
import { type Labels, ofNode, textOf } from './series.ts'

/** Rules that look back over minutes have enough of them then. */
const usualFaultS = 690
/** How long it lasts after the alert. */
const lastsS = 300
const runbooks = join(import.meta.dirname, '../../../docs/runbooks')

test('the rules are correct for promtool', async () => {
  const { all, exitCode } = await execa('promtool', ['check', 'rules', rulesFile], {
    all: true,
    reject: false,
  })
  expect(exitCode, all).toBe(0)
})

test('each rule has a severity, and texts that name what they are about', () => {
  for (const { alert, labels, annotations, expr } of rules) {
    expect(labels.severity, alert).toMatch(/^(page|ticket)$/)
    expect(annotations.summary.length, alert).toBeLessThan(125)
    expect(annotations.description, alert).toMatch(/\.$/)
    // A series without these labels would be that of another program.
    expect(expr, alert).toMatch(/anyward/)
  }
})

test('each rule has a runbook, which says what it means, how to confirm it, and what to do and not to do', async () => {
  const named = new Set(rules.map(({ annotations }) => annotations.runbook_url.replace('docs/runbooks/', '')))
  expect([...named].sort()).toEqual((await readdir(runbooks)).sort())
  for (const name of named) {
    const text = await readFile(join(runbooks, name), 'utf8')
    expect(
      text.split('\n').filter((line) => line.startsWith('#')),
      name,
    ).toEqual([expect.stringMatching(/^# /), '## Confirm', '## What to do', '## What not to do'])
    expect(text.length, `${name}: a person at night reads it`).toBeLessThan(2500)
    for (const [, link] of text.matchAll(/\]\(([^)#]+)/g)) await readFile(join(runbooks, link!), 'utf8')
  }
})

test('nothing is raised in a fleet in which all is well', async () => {
  const times = [0, 60, 900, 3600]
  await promtool({
    courses: healthy,
    stepS: 30,
    faultSinceS: () => null,
    checks: times.map((atS) => ({ atS, firing: [] })),
  })
})

test('each rule has a fault', () => {
  expect([...new Set(faults.map(({ alert }) => alert))]).toEqual(rules.map(({ alert }) => alert))
})

test.each(faults)('$alert is raised after its time, alone, and clears', async (fault) => {
  const rule = rules.find(({ alert }) => alert === fault.alert)!
  const { delayS = 0, clearS = 0, faultS = usualFaultS } = fault
  const forS = forSecondsOf(rule)
  const stepS = forS + faultS > 4000 ? 120 : 30
  const raisedS = faultS + delayS + forS
  const endS = raisedS + lastsS
  const overridden = new Set(fault.courses.map(({ series }) => textOf(series)))
  await promtool({
    courses: [...healthy.filter(({ series }) => !overridden.has(textOf(series))), ...fault.courses],
    stepS,
    faultSinceS: (atS) => (atS < faultS || atS > endS ? null : atS - faultS),
    checks: [
      { atS: faultS - stepS, firing: [] },
      ...(forS === 0 ? [] : [{ atS: faultS + forS - stepS, firing: [] }]),
      { atS: raisedS + stepS, firing: [{ rule, fault }] },
      { atS: endS + clearS + 2 * stepS, firing: [] },
    ],
  })
})

test('a daemon that was restarted raises no error of it, neither then nor as its counts leave the ten minutes', async () => {
  const failures = (cause: string) => ofNode('fra1-a', 'anyward_reconcile_failures_total', { cause })
  const courses: Course[] = [
    { series: failures('timeout'), value: (_at, since) => (since === null ? 0 : 3) },
    { series: failures('refused'), value: (_at, since) => (since === null || since < 60 ? 0 : 1) },
  ]
  const overridden = new Set(courses.map(({ series }) => textOf(series)))
  const checks = Array.from({ length: 50 }, (_, at) => ({ atS: usualFaultS + 30 * at, firing: [] }))
  await promtool({
    courses: [...healthy.filter(({ series }) => !overridden.has(textOf(series))), ...courses],
    stepS: 30,
    faultSinceS: (atS) => (atS < usualFaultS ? null : atS - usualFaultS),
    checks,
  })
})

interface Case {
  readonly courses: readonly Course[]
  /** Between two scrapes. */
  readonly stepS: number
  /** `null`: there is none at that time. */
  readonly faultSinceS: (atS: number) => number | null
  readonly checks: readonly {
    readonly atS: number
    readonly firing: readonly { readonly rule: Rule; readonly fault: Fault }[]
  }[]
}

async function promtool({ courses, stepS, faultSinceS, checks }: Case): Promise<void> {
  const lastS = Math.max(...checks.map(({ atS }) => atS))
  const times = Array.from({ length: lastS / stepS + 1 }, (_, index) => index * stepS)
  const written = {
    rule_files: [rulesFile],
    evaluation_interval: `${stepS}s`,
    tests: [
      {
        interval: `${stepS}s`,
        input_series: courses.map(({ series, value }) => ({
          series: textOf(series),
          values: valuesOf(times.map((atS) => value(atS, faultSinceS(atS)))),
        })),
        alert_rule_test: checks.flatMap(({ atS, firing }) =>
          rules.map(({ alert }) => ({
            eval_time: `${atS}s`,
            alertname: alert,
            exp_alerts: firing.filter(({ rule }) => rule.alert === alert).map(expectedOf),
          })),
        ),
      },
    ],
  }
  const folder = await mkdtemp(join(tmpdir(), 'anyward-alerts-'))
  try {
    const file = join(folder, 'alerts.yml')
    await writeFile(file, JSON.stringify(written))
    const { all, exitCode } = await execa('promtool', ['test', 'rules', file], { all: true, reject: false })
    expect(exitCode, all).toBe(0)
  } finally {
    await rm(folder, { recursive: true })
  }
}

/** With `stale` where a series ends: a target that does not export it any more. */
function valuesOf(values: readonly (number | null)[]): string {
  return values
    .map((value, index) => value ?? (index > 0 && values[index - 1] !== null ? 'stale' : '_'))
    .join(' ')
}

function expectedOf({ rule, fault }: { rule: Rule; fault: Fault }) {
  const { summary, description, runbook_url } = rule.annotations
  return {
    exp_labels: { ...rule.labels, ...fault.labels },
    exp_annotations: {
      summary: expand(summary, fault.labels, fault.value),
      description: expand(description, fault.labels, fault.value),
      runbook_url,
    },
  }
}

function expand(template: string, labels: Labels, value: string | undefined): string {
  return template.replaceAll(/\{\{ (?:\$labels\.(\w+)|\$value(?: \| \w+)?) \}\}/g, (_all, label?: string) => {
    const text = label === undefined ? value : labels[label]
    if (text === undefined) throw new Error(`"${template}" needs ${label ?? 'a value'}`)
    return text
  })
}
