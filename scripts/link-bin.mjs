// `npx anyward` inside a checkout: npx searches node_modules/.bin first, and npm links a
// package's own bin only where the package is installed as a dependency.
import { chmodSync, mkdirSync, rmSync, symlinkSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
chmodSync(`${root}dist/cli/main.js`, 0o755)
mkdirSync(`${root}node_modules/.bin`, { recursive: true })
rmSync(`${root}node_modules/.bin/anyward`, { force: true })
symlinkSync('../../dist/cli/main.js', `${root}node_modules/.bin/anyward`)
