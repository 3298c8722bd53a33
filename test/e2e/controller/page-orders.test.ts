import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { ManifestAccess } from '../../../src/manifest/manifest.ts'
import { patience } from '../../patience.ts'
import { NodeUnderTest } from '../failures/node-under-test.ts'
import { expectGoodLooks, type OpenPage, openPage, startBrowser } from '../fixtures/browser/browser.ts'
import { cli, labDown, labUp } from '../fixtures/lab/lab.ts'

let node: NodeUnderTest
let started: { browser: Browser; close: () => Promise<void> }
let folder: string
let token: string
let opened: OpenPage | null = null
const file = (name: string) => join(folder, name)
const logFrom = { events: 0 }

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'anyward-orders-'))
  const lab = await labUp('test/e2e/failures/fleet')
  node = new NodeUnderTest(lab, lab.nodes.find(({ daemon }) => daemon === 'bird')!)
  await node.learn()
  started = await startBrowser(node.node.namespace)
  const made = await execa(process.execPath, [cli, 'token', 'ada', '--file', file('tokens')])
  token = made.stdout
  expect(made.stderr).not.toContain(token)
  await execa('openssl', [
    ...['req', '-x509', '-nodes', '-days', '9', '-subj', '/CN=node'],
    // Chromium knows no Ed25519 in certificates.
    ...['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1'],
    ...['-addext', `subjectAltName=IP:${new URL(node.node.statusUrl).hostname}`],
    ...['-keyout', file('key'), '-out', file('crt')],
  ])
}, 240_000)
beforeEach(async () => {
  logFrom.events = (await node.events()).length
})
afterAll(async () => {
  await started?.close()
  await node?.restart()
  await node?.close()
  await labDown()
  await rm(folder, { recursive: true })
}, 60_000)

const withAccess = (access: Partial<ManifestAccess>) =>
  node.restart({
    change: (manifest) => {
      manifest.access = { tokensFile: null, tls: null, open: true, ...access }
      for (const { drain } of manifest.services) {
        drain.idleMs = 500
        drain.limitMs = 5000
        drain.undrainMs = 500
      }
    },
  })
const local = () => `http://127.0.0.1:${new URL(node.node.statusUrl).port}/`

async function show(url: string, options = {}): Promise<Page> {
  opened = await openPage(started.browser, url, options)
  return opened.page
}
const headline = (page: Page, text: RegExp) =>
  page
    .getByRole('status')
    .filter({ hasText: text })
    .first()
    .waitFor({ timeout: patience(20_000) })

describe('orders from the page', () => {
  test('are not there where the node has no tokens: it says how to give them', async () => {
    await withAccess({})
    const page = await show(local())
    await headline(page, /serves/)
    await page.getByText('This page is read-only').waitFor()
    expect(await page.getByRole('button', { name: /Drain/ }).count()).toBe(0)
    await opened!.close()
  })

  test('drain and undrain, after a confirmation that says what happens, with the name of the token', async () => {
    await withAccess({ tokensFile: file('tokens') })
    const page = await show(local())
    await headline(page, /serves/)
    const drain = page.getByRole('button', { name: /^Drain .*…$/ })
    await drain.focus()
    await page.keyboard.press('Enter')
    const dialog = page.getByRole('dialog', { name: /^Drain .*\?$/ })
    await dialog
      .getByText(/Announced to .* now\. It is announced degraded, and withdrawn/)
      .first()
      .waitFor()
    await dialog.getByText('No permit is needed').first().waitFor()
    // The keyboard closes it, and the focus is where it was.
    await page.keyboard.press('Escape')
    await dialog.waitFor({ state: 'detached' })
    expect(await drain.evaluate((button) => button === button.ownerDocument.activeElement)).toBe(true)

    await drain.click()
    await dialog.getByLabel(/^Reason/).fill('a new disk')
    await dialog.getByLabel(/^Token/).fill('of-another-node')
    await dialog.getByRole('button', { name: /^Drain / }).click()
    await dialog.getByRole('alert').filter({ hasText: 'this token is not known here' }).waitFor()
    await node.untilEvent({ event: 'wrong-token', from: '127.0.0.1' }, logFrom.events)
    expect((await node.status()).operator.intent).toBe('serve')
    // The browser complains of the 401.
    opened!.complaints.splice(0)

    await dialog.getByLabel(/^Token/).fill(token)
    await dialog.getByRole('button', { name: /^Drain / }).click()
    await dialog
      .getByRole('status')
      .filter({ hasText: /Ordered|Done/ })
      .waitFor()
    await dialog.getByText('Done.').waitFor({ timeout: patience(20_000) })
    await node.gone()
    await dialog.getByRole('button', { name: 'Close' }).click()
    await headline(page, /does not serve/)
    await page.getByText('ordered by the operator ada: a new disk').first().waitFor()
    await node.untilEvent(
      { event: 'operator', intent: 'drain', by: 'ada', reason: 'a new disk' },
      logFrom.events,
    )
    const said = await node.run(process.execPath, [cli, 'events', '--since', '10m'])
    expect(said.stdout).toContain('the operator ada orders drain (a new disk)')

    // The token is kept: it is not asked for again.
    await page.getByRole('button', { name: /^Undrain .*…$/ }).click()
    const undrain = page.getByRole('dialog', { name: /serve again/ })
    expect(await undrain.getByLabel(/^Token/).count()).toBe(0)
    await undrain.getByRole('button', { name: /^Undrain / }).click()
    await undrain.getByText('Done.').waitFor({ timeout: patience(20_000) })
    await undrain.getByRole('button', { name: 'Close' }).click()
    await node.back()
    await node.untilEvent({ event: 'operator', intent: 'serve' }, logFrom.events)
    await page.getByRole('button', { name: 'Forget the token' }).click()
    expect(await page.evaluate('sessionStorage.length')).toBe(0)
    expect(page.url()).not.toContain(token)
    expect(opened!.complaints).toEqual([])
    await opened!.close()
  })

  test('look right, and axe finds nothing serious', async () => {
    await withAccess({ tokensFile: file('tokens') })
    await expectGoodLooks(started.browser, local(), 'drain-dialog', /serves/, async (page) => {
      await page.getByRole('button', { name: /^Drain .*…$/ }).click()
      await page.getByRole('dialog').getByText('Announced to').first().waitFor()
    })
  })

  test('need the token from another machine to read too, over TLS, and strangers get health and metrics', async () => {
    const tls = { certFile: file('crt'), keyFile: file('key'), clientCaFile: null }
    // Not `withAccess`: the status of the lab is not to be read any more.
    await node.stop('SIGHUP')
    await node.start({
      change: (manifest) => {
        manifest.access = { tokensFile: file('tokens'), tls, open: false }
      },
    })
    const url = new URL(node.node.statusUrl.replace('http:', 'https:'))
    const ask = async (path: string) => {
      const argv = ['-sk', '-o', '/dev/null', '-w', '%{http_code}', new URL(path, url).href]
      return (await execa('curl', argv, { reject: false })).stdout
    }
    await expect.poll(() => ask('/healthz'), { timeout: patience(20_000) }).toBe('200')
    for (const path of ['/status', '/state', '/live', '/history', '/configured', '/events/recent'])
      expect(await ask(path), path).toBe('401')
    expect(await ask('/')).toBe('200')
    const page = await show(new URL('/', url).href, { ignoreHTTPSErrors: true })
    await page.getByLabel(/^Token/).fill(token)
    await page.getByRole('button', { name: 'Use this token' }).click()
    await headline(page, /serves/)
    await page.getByText('● live').waitFor()
    await opened!.close()
    const log = await node.log()
    expect(log).not.toContain(token)
  })

  test('are in no log and no metric with the token or its hash', async () => {
    await node.restart()
    const secrets = [token, (await execa('cut', ['-d', ' ', '-f', '2', file('tokens')])).stdout]
    const said = [await node.log(), await node.metrics(), JSON.stringify(await node.events())].join()
    for (const secret of secrets) expect(said).not.toContain(secret)
  })
})
