import { createHash } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { patience } from '../../patience.ts'
import { expectGoodLooks, openPage, startBrowser } from '../fixtures/browser/browser.ts'
import { cli, until } from '../fixtures/lab/lab.ts'
import { RolloutLab } from '../fixtures/rollout/rollout-lab.ts'

// The planner's page, at a rollout through a store.
const url = 'http://127.0.0.1:9587/'
const token = 'a-token-of-the-test'
let lab: RolloutLab
let planner: ReturnType<typeof startPlanner> | undefined
let started: Awaited<ReturnType<typeof startBrowser>>

function startPlanner(tokens: string) {
  const argv = ['planner', '--sites', lab.sites, '--out', lab.out, '--state', lab.dir, '--no-check']
  return execa(process.execPath, [cli, ...argv, '--listen', '127.0.0.1:9587', '--tokens', tokens], {
    reject: false,
    stdin: 'ignore',
  })
}

beforeAll(async () => {
  lab = await RolloutLab.start('store')
  started = await startBrowser(null)
}, patience(300_000))
afterAll(async () => {
  planner?.kill()
  await started?.close()
  await lab?.end()
}, patience(60_000))

test(
  'a rollout at a gate is on the page, and is paused and aborted there by who has a token',
  async () => {
    await lab.plan((file, text) =>
      file === 'fleet'
        ? text.replace('soak: 2s', 'soak: 20m')
        : text.replaceAll('import: default-only', 'import: default-only, prepend: 1'),
    )
    const engine = lab.start('start')
    const status = () => lab.run('status').catch(() => null)
    await until(
      'the canary soaks',
      status,
      (found) => found?.document.waves[0]?.state === 'soaking',
      patience(180_000),
    )
    const tokens = join(lab.dir, 'tokens')
    await writeFile(tokens, `ada ${createHash('sha256').update(token).digest('hex')}\n`, { mode: 0o600 })
    planner = startPlanner(tokens)
    await until(
      'the planner listens',
      () =>
        fetch(`${url}rollout`).then(
          (answer) => answer.status,
          () => 0,
        ),
      (code) => code === 200,
      patience(60_000),
    )
    const { page, complaints } = await openPage(started.browser, url)
    const says = (text: RegExp) =>
      page
        .getByText(text)
        .first()
        .waitFor({ timeout: patience(60_000) })
    await says(/All \d nodes of the fleet serve/)
    await says(/rollout \w+: running; started by/)
    await says(/well, soaking/)
    await expectGoodLooks(started.browser, url, 'planner', /nodes of the fleet/)

    const stranger = await fetch(`${url}rollout/order`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ kind: 'abort' }),
    })
    expect(stranger.status).toBe(401)

    await page.getByRole('button', { name: 'Pause the rollout…' }).click()
    await page.getByLabel(/Token/).fill(token)
    await page.getByRole('button', { name: 'Pause', exact: true }).click()
    await engine
    await says(/Ordered/)
    await page.getByRole('button', { name: 'Close' }).click()
    await says(/paused by ada, on the page of/)
    // No command drives it any more: the planner does.
    await page.getByRole('button', { name: 'Abort the rollout…' }).click()
    await page.getByRole('button', { name: 'Abort and undo the wave' }).click()
    const over = await until(
      'the wave is undone',
      status,
      (found) => found?.document.state === 'undone',
      patience(180_000),
    )
    expect(over!.document.reason).toMatch(/aborted by ada/)
    expect(complaints).toEqual([])
    planner.kill('SIGTERM')
    const { stderr } = await planner
    expect(String(stderr)).toMatch(/"event":"rollout-order".*"by":"ada"/)
  },
  patience(600_000),
)
