import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'
import type { Browser } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { FleetStatus } from '../../../src/control/fleet-status.ts'
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
      const table = page.getByRole('table', { name: /Announced to whom/ }).filter({ hasText: prefix })
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
    await page.locator('summary', { hasText: 'service-withdrawn' }).first().click()
    await page.getByRole('heading', { name: 'A service is withdrawn' }).waitFor()
    await page.screenshot({ path: 'test-results/runbook-light.png', fullPage: true })
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

  test('says so where it cannot show what the controller says, in the place of an old state', async () => {
    const context = await started.browser.newContext()
    const page = await context.newPage()
    await page.route('**/live', (route) => route.abort())
    await page.route('**/state', (route) => route.fulfill({ json: { status: { node: 'fra1-a' } } }))
    await page.goto(url)
    await page.getByRole('alert').filter({ hasText: 'cannot show what the controller says' }).waitFor()
    expect(await page.title()).toMatch(/^\?/)
    await context.close()
  })

  test('asks by itself while all streams are in use, and says so', async () => {
    const { hostname, port } = new URL(url)
    const script = `
      const { connect } = require('node:net')
      let open = 0
      const hold = () => {
        const socket = connect(${port}, '${hostname}')
        socket.write('GET /live HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n')
        socket.on('data', () => {})
        socket.once('data', (head) => {
          // The stream of the page before may not have ended yet.
          if (!String(head).startsWith('HTTP/1.1 200')) setTimeout(hold, 100)
          else if (++open === 8) console.log('open')
        })
      }
      for (let at = 0; at < 8; at += 1) hold()`
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

  test('shows a fleet of a thousand nodes within a second, and an update takes at most 100 ms of script', async () => {
    const context = await started.browser.newContext({ viewport: { width: 1200, height: 900 } })
    const page = await context.newPage()
    const bodies = [1, 2].map((turn) => JSON.stringify(fleetOf(1000, turn)))
    let answers = 0
    await page.route('**/fleet/live', (route) => route.abort())
    await page.route('**/fleet', (route) => {
      answers += 1
      return route.fulfill({ contentType: 'application/json', body: bodies[answers % 2]! })
    })
    const client = await context.newCDPSession(page)
    // Processor time of the page's main thread: other programs run on the machine too.
    await client.send('Performance.enable', { timeDomain: 'threadTicks' })
    const usedMs = async (what: 'ScriptDuration' | 'TaskDuration') => {
      const { metrics } = await client.send('Performance.getMetrics')
      return 1000 * metrics.find(({ name }) => name === what)!.value
    }
    // The frame after the sentence is in the document.
    await page.addInitScript(`addEventListener('DOMContentLoaded', () => {
      new MutationObserver((_, observer) => {
        if (!/nodes/.test(document.querySelector('[role=status]')?.textContent)) return
        observer.disconnect()
        requestAnimationFrame(() => requestAnimationFrame(() => { window.paintedAt = performance.now() }))
      }).observe(document.body, { subtree: true, childList: true, characterData: true })
    })`)
    await page.goto(`${url}#fleet`)
    await headline(page, /30 of 1000 nodes do not serve/)
    const paintMs = await page.evaluate<number>(`new Promise((resolve) => {
      const look = () => (window.paintedAt ? resolve(window.paintedAt) : requestAnimationFrame(look))
      look()
    })`)
    const paintUsedMs = await usedMs('TaskDuration')
    await page.screenshot({ path: 'test-results/fleet-light.png', fullPage: true })
    // All rows, which is more than a person has open.
    await page.getByText('970 that serve').click()
    const served = page.getByRole('region', { name: 'As they should', exact: true }).first()
    await served.getByRole('button', { name: 'Show all 970' }).click()
    const from = { answers, usedMs: await usedMs('ScriptDuration') }
    while (answers < from.answers + 5) await page.waitForTimeout(200)
    const eachMs = ((await usedMs('ScriptDuration')) - from.usedMs) / (answers - from.answers)
    process.stdout.write(
      `a fleet of 1000 nodes is there after ${Math.round(paintMs)} ms, ${Math.round(paintUsedMs)} ms of them work; an update takes ${eachMs.toFixed(1)} ms of script\n`,
    )
    expect(paintUsedMs).toBeLessThan(1000)
    expect(eachMs).toBeLessThan(100)
    await context.close()
  })

  test('costs the controller little: its processor time and memory without the page, with it, and after it', async () => {
    const windowMs = 1000 * Number(process.env.ANYWARD_TEST_COST ?? 5)
    await node.back()
    const closed = await measureCost(node.controllerPid, windowMs)
    const page = await show()
    await headline(page, serves)
    const opened = await measureCost(node.controllerPid, windowMs)
    await open.pop()!.close()
    const after = await measureCost(node.controllerPid, windowMs)
    const rows = Object.entries({ closed, opened, after })
    for (const [name, { share, memoryMb }] of rows) {
      process.stdout.write(`${name}: ${(100 * share).toFixed(2)} % of a core, ${memoryMb.toFixed(1)} MB\n`)
    }
    expect(opened.share - closed.share).toBeLessThan(0.02)
    expect(opened.memoryMb - closed.memoryMb).toBeLessThan(10)
  })

  test('has at most 60 kB of script, gzipped', () => {
    const bytes = gzipSync(readFileSync('dist/web/page.js')).length
    process.stdout.write(`the script is ${bytes} bytes, gzipped\n`)
    expect(bytes).toBeLessThan(60_000)
  })
})

/** One in 33 is withdrawn; which changes with each `turn`. */
function fleetOf(size: number, turn: number): FleetStatus {
  const time = new Date().toISOString()
  const neighbors = ['transit1', 'transit2', 'tor1']
  const nodes = Array.from({ length: size }, (_, at): FleetStatus['nodes'][number] => {
    const isDead = (at + turn) % 33 === 0 && at < 990
    const announced = isDead
      ? []
      : neighbors.map((neighbor) => ({ neighbor, prefix: '192.0.2.0/24', degraded: false }))
    const name = `site${String(at).padStart(4, '0')}`
    const known = {
      health: isDead ? ('unhealthy' as const) : ('healthy' as const),
      decision: isDead ? ('withdraw' as const) : ('announce' as const),
      reason: isDead ? 'hung' : 'healthy',
      announced,
    }
    return {
      ...{ site: name, node: `${name}-a`, ageMs: 800, stale: false, clockAheadMs: 3, serial: 100 + turn },
      ...known,
      services: [{ name: 'vpn', ...known, remote: { sites: 3, failing: 0 }, well: !isDead }],
    }
  })
  return {
    ...{ version: 1, node: 'site0000-a', site: 'site0000', nodes, permits: [], changes: 0, time },
    store: { ok: true, since: time, problem: null },
    minSites: [{ service: 'vpn', minSites: 500 }],
  }
}

/** The share of a core that a process uses, and its memory at the end. */
async function measureCost(pid: number, windowMs: number): Promise<{ share: number; memoryMb: number }> {
  // Of the threads too; in ticks of 10 ms.
  const usedMs = () => {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ')
    return 10 * (Number(fields[11]) + Number(fields[12]))
  }
  const from = { at: performance.now(), usedMs: usedMs() }
  await new Promise((resolve) => setTimeout(resolve, windowMs))
  const share = (usedMs() - from.usedMs) / (performance.now() - from.at)
  const memory = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))!
  return { share, memoryMb: Number(memory[1]) / 1024 }
}
