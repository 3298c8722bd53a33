import { spawn } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { basename } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const { values, positionals } = parseArgs({
  options: { json: { type: 'boolean', default: false } },
  allowPositionals: true,
})
const folder = fileURLToPath(new URL('.', import.meta.url))
const names = readdirSync(folder)
  .filter((file) => file.endsWith('.mjs') && file !== basename(import.meta.filename))
  .map((file) => basename(file, '.mjs'))
  .sort()
const unknown = positionals.filter((name) => !names.includes(name))
if (unknown.length > 0) {
  console.error(`bench: there is no ${unknown.join(', ')}; there are ${names.join(', ')}`)
  process.exit(2)
}

// One after another, because they would affect each other.
const benches = []
for (const name of positionals.length > 0 ? positionals : names) {
  if (!values.json) console.log(`${name}:`)
  const { code, stdout } = await run(`${name}.mjs`)
  benches.push({ bench: name, code, ...(values.json ? read(stdout) : {}) })
}
const ok = benches.every(({ code }) => code === 0)
if (values.json) process.stdout.write(`${JSON.stringify({ ok, benches }, null, 2)}\n`)
else console.log(ok ? 'every bound is kept' : 'a bound is missed')
process.exitCode = ok ? 0 : 1

function run(file) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [folder + file, ...(values.json ? ['--json'] : [])], {
      stdio: ['ignore', values.json ? 'pipe' : 'inherit', 'inherit'],
    })
    let stdout = ''
    child.stdout?.on('data', (chunk) => {
      stdout += chunk
    })
    child.on('error', reject)
    child.on('close', (code) => resolve({ code: code ?? 2, stdout }))
  })
}

/** A bench that failed has reported the cause on stderr, and nothing here. */
function read(stdout) {
  try {
    return JSON.parse(stdout)
  } catch {
    return {}
  }
}
