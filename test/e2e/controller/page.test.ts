import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'
import type { Browser } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { patience } from '../../patience.ts'
import { NodeUnderTest } from '../failures/node-under-test.ts'
import { expectGoodLooks, type OpenPage, openPage, startBrowser } from '../fixtures/browser/browser.ts'
import { labDown, labUp } from '../fixtures/lab/lab.ts'

let node: NodeUnderTest
let started: { browser: Browser; close: () => Promise<void> }
let url: string
const open: OpenPage[] = []

beforeAll(async () => {
  const lab = await labUp('test/e2e/failures/fleet')
  node = new NodeUnderTest(lab, lab.nodes.find(({ daemon }) => daemon === 'bird')!)
  await node.learn()
  started = await startBrowser(node.node.namespace)
  url = node.node.statusUrl.replace(/status$/, '')
}, 240_000)
afterEach(async () => {
  for (const page of open.splice(0)) {
    expect(page.complaints).toEqual([])
    await page.close()
  }
  await node.repair()
})
afterAll(async () => {
  await started?.close()
  await node?.close()
  await labDown()
}, 60_000)

async function show() {
  const page = await openPage(started.browser, url)
  open.push(page)
  return page.page
}
const serves = /serves/
const headline = (page: Awaited<ReturnType<typeof show>>, text: RegExp) =>
  page
    .getByRole('status')
    .filter({ hasText: text })
    .waitFor({ timeout: patience(20_000) })

describe('the page of a node', () => {
  test('says what the neighbors have, with the health and its plots', async () => {
    const page = await show()
    await headline(page, serves)
    for (const row of node.everything) {
      const [neighbor, prefix] = row.split(' ') as [string, string]
      const table = page
        .getByRole('table')
        .filter({ hasText: 'Announced to whom' })
        .filter({ hasText: prefix })
      const cells = table
        .getByRole('row')
        .filter({ has: page.getByRole('rowheader', { name: neighbor, exact: true }) })
      await cells.filter({ hasText: 'announced' }).first().waitFor()
    }
    await page
      .getByRole('img', { name: /^ping, last 5 minutes: usually/ })
      .first()
      .waitFor()
    expect(await page.title()).toMatch(/^✔ .* serves/)
  })

  test('shows a fault within a second of the decision, with the cause and what to do', async () => {
    const page = await show()
    await headline(page, serves)
    // When the sentence appears, by the wall clock that the controller has too.
    await page.evaluate(`new MutationObserver(() => {
      if (/does not serve/.test(document.querySelector('[role=status]').textContent)) window.seenAt ??= Date.now()
    }).observe(document.body, { subtree: true, childList: true, characterData: true })`)
    for (const { name } of node.manifest.services) await node.setProbePeer(name, false)
    await headline(page, /does not serve .*peer-missing/)
    const seenAt = await page.evaluate<number>('window.seenAt')
    const decided = (await node.events()).findLast(
      ({ event, reason }) => event === 'decision' && reason === 'peer-missing',
    )
    const tookMs = seenAt - (decided!.decidedAt as number)
    process.stdout.write(`a fault is on the page ${tookMs} ms after the decision\n`)
    expect(tookMs).toBeLessThan(patience(1000))
    await page.getByText("add the probe's peer").first().waitFor()
    await page.getByRole('listitem').filter({ hasText: 'withdraw' }).first().waitFor()
    await expectGoodLooks(started.browser, url, 'fault', /does not serve/)
    for (const { name } of node.manifest.services) await node.setProbePeer(name, true)
    await headline(page, serves)
  })

  test('says that the controller is gone, keeps the last state as old, and comes back by itself', async () => {
    const page = await show()
    await headline(page, serves)
    node.signal('SIGKILL')
    const alert = page.getByRole('alert').filter({ hasText: 'Connection to the controller lost' })
    await alert.waitFor({ timeout: patience(10_000) })
    await headline(page, /Not known now. Last known: .*serves/)
    expect(await page.title()).toContain('OLD')
    await page.screenshot({ path: 'test-results/lost-light.png', fullPage: true })
    await node.start()
    await alert.waitFor({ state: 'detached', timeout: patience(20_000) })
    await page.getByText('● live').waitFor()
  })

  test('asks by itself while all streams are in use, and says so', async () => {
    const { hostname, port } = new URL(url)
    const script = `
      const { connect } = require('node:net')
      let open = 0
      for (let at = 0; at < 8; at += 1) {
        const socket = connect(${port}, '${hostname}')
        socket.write('GET /live HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n')
        socket.once('data', () => { if (++open === 8) console.log('open') })
        socket.on('data', () => {})
      }`
    const hog = spawn('ip', ['netns', 'exec', node.node.namespace, process.execPath, '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    try {
      await once(hog.stdout, 'data')
      const page = await show()
      await page.getByText('all streams are in use').waitFor()
      await headline(page, serves)
      // A refused stream is an error to the browser.
      open[0]!.complaints.splice(0)
      const ended = once(hog, 'close')
      hog.kill('SIGKILL')
      await ended
      await page.getByText('● live').waitFor({ timeout: patience(30_000) })
    } finally {
      hog.kill('SIGKILL')
    }
  })

  test('looks right while all is well', async () => {
    await expectGoodLooks(started.browser, url, 'well', serves)
  })

  test('has at most 60 kB of script, gzipped', () => {
    const bytes = gzipSync(readFileSync('dist/web/page.js')).length
    process.stdout.write(`the script is ${bytes} bytes, gzipped\n`)
    expect(bytes).toBeLessThan(60_000)
  })
})
