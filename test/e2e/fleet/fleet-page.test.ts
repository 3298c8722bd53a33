import { mkdir } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { patience } from '../../patience.ts'
import { expectGoodLooks, openPage, startBrowser } from '../fixtures/browser/browser.ts'
import { inside, type LabNode, labDown, labUp } from '../fixtures/lab/lab.ts'

let nodes: LabNode[]
let started: Awaited<ReturnType<typeof startBrowser>>

beforeAll(async () => {
  nodes = (await labUp('test/e2e/fleet/three-sites', '--store')).nodes
  started = await startBrowser(nodes[0]!.namespace)
  await mkdir('test-results', { recursive: true })
}, 240_000)
afterAll(async () => {
  await started?.close()
  await labDown()
}, 120_000)

describe('the page of the fleet', () => {
  test(
    'is reached from that of a node; it names the node that fails, and the one that is silent and since when',
    async () => {
      const url = nodes[0]!.statusUrl.replace(/status$/, '')
      const { page, complaints, close } = await openPage(started.browser, url)
      await page.getByRole('link', { name: 'the fleet' }).click()
      const headline = (text: RegExp) =>
        page
          .getByRole('status')
          .filter({ hasText: text })
          .waitFor({ timeout: patience(60_000) })
      await headline(new RegExp(`All ${nodes.length} nodes of the fleet serve`))
      const last = nodes.at(-1)!
      await inside(last, 'ip', ['link', 'set', last.wireguardInterface, 'down'])
      await headline(
        new RegExp(`1 of ${nodes.length} nodes does not serve as it should: ${last.name} at ${last.site}`),
      )
      await page
        .getByRole('row')
        .filter({ hasText: last.name })
        .filter({ hasText: 'withdrawn (interface-down)' })
        .waitFor()
      // What remains of the service, and what has changed.
      await page
        .getByRole('row')
        .filter({ hasText: nodes[0]!.site })
        .filter({ hasText: nodes[1]!.site })
        .first()
        .waitFor()
      const change = (text: RegExp) =>
        page
          .getByRole('listitem')
          .filter({ hasText: `${last.name} at ${last.site}` })
          .filter({ hasText: text })
          .first()
          .waitFor({ timeout: patience(10_000) })
      await change(/vpn withdrawn \(interface-down\)/)
      // The register has it.
      await page
        .getByRole('listitem')
        .filter({ hasText: last.name })
        .filter({ hasText: 'by a fact (interface-down), for' })
        .waitFor()
      await expectGoodLooks(started.browser, `${url}#fleet`, 'fleet-fault', /does not serve/)
      await inside(last, 'ip', ['link', 'set', last.wireguardInterface, 'up'])
      await headline(/All/)
      process.kill(last.controllerPid, 'SIGKILL')
      await headline(/1 of/)
      await page
        .getByRole('row')
        .filter({ hasText: last.name })
        .filter({ hasText: /silent for \d+ s/ })
        .waitFor()
      const silentAt = performance.now()
      await change(/silent: whether it still announces is not known/)
      const lateMs = performance.now() - silentAt
      process.stdout.write(`the change is shown ${Math.round(lateMs)} ms after the row\n`)
      expect(lateMs).toBeLessThan(patience(4000))
      await page.getByRole('combobox', { name: 'only at site' }).selectOption(nodes[0]!.site)
      await page
        .getByRole('listitem')
        .filter({ hasText: /silent: whether/ })
        .waitFor({ state: 'detached' })
      await expectGoodLooks(started.browser, `${url}#fleet`, 'fleet-silent', /does not serve/)
      expect(complaints).toEqual([])
      await close()
    },
    patience(240_000),
  )
})
