import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { RolloutFiles } from '../../../../../src/plan/rollout/engine/rollout-files.ts'
import type { Rollout } from '../../../../../src/plan/rollout/rollout.ts'
import { operateRollout } from '../../../../../src/plan/service/rollout/rollout-service.ts'

const reporter = { onEvent: () => {}, onState: () => {}, signal: new AbortController().signal }
/** Of other YAML than that in `sites`. */
const rolloutIn = (state: Rollout['state']): Rollout => ({
  ...{ format: 1, id: 'r1', startedBy: 'ada', startedAt: '2026-11-30T03:00:00.000Z', sitesHash: 'other' },
  ...{ soakMs: 60_000, state, aim: 'forward', reason: null, waves: [] },
})

test.for([
  ['done', /^rollout r1 is over: done$/, /^start another one with/],
  ['paused', /^the YAML in sites has changed since rollout r1 was started$/, /--as-started/],
] as const)(
  'a rollout that is %s is not resumed after a change of the YAML, with the cure',
  async ([state, message, hint]) => {
    const out = await mkdtemp(join(tmpdir(), 'resume-'))
    onTestFinished(() => rm(out, { recursive: true }))
    await mkdir(join(out, '.rollout'))
    await new RolloutFiles(out).save(rolloutIn(state))
    const error = await operateRollout({ sites: 'sites', out }, 'resume', reporter).catch((e: unknown) => e)
    expect(error).toMatchObject({
      message: expect.stringMatching(message),
      hint: expect.stringMatching(hint),
    })
  },
)
