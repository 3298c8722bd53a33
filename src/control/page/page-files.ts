import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Reply, Route } from '../route.ts'

/** What the build writes for the page. */
const files = [
  { path: '/', name: 'index.html', contentType: 'text/html; charset=utf-8' },
  { path: '/page.js', name: 'page.js', contentType: 'text/javascript; charset=utf-8' },
  { path: '/page.css', name: 'page.css', contentType: 'text/css; charset=utf-8' },
  { path: '/icon.svg', name: 'icon.svg', contentType: 'image/svg+xml' },
  { path: '/runbooks.json', name: 'runbooks.json', contentType: 'application/json' },
] as const

/** The files of the page in that folder, each read once. Throws a system error. */
export function readPageFiles(dir: string): Route[] {
  return files.map(({ path, name, contentType }) => {
    const reply: Reply = { code: 200, contentType, body: readFileSync(join(dir, name), 'utf8') }
    return { method: 'GET', path, access: 'stranger', shareMs: 0, answer: () => reply }
  })
}
