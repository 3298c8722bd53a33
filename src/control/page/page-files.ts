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

/** The view without a choice of the reader. */
export type PageView = 'node' | 'fleet'

/** The files of the page in that folder, each read once. Throws a system error. */
export function readPageFiles(dir: string, view: PageView): Route[] {
  return files.map(({ path, name, contentType }) => {
    const text = readFileSync(join(dir, name), 'utf8')
    const body = path === '/' ? text.replace('<body>', `<body data-view="${view}">`) : text
    const reply: Reply = { code: 200, contentType, body }
    return { method: 'GET', path, access: 'stranger', shareMs: 0, answer: () => reply }
  })
}
