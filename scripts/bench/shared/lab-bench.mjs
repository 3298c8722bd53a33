import { isInstalled } from '../controllers/contenders.mjs'
import { runInside } from './namespaces.mjs'
import { printChecks } from './report.mjs'

/**
 * Runs a bench that brings up a lab: `measure()` runs in namespaces of its own, with which its lab ends, and returns
 * checks, rows and optionally what it skipped. All of it is skipped without root or one of `programs`.
 * @param options of the command line: `json`, `inside`
 * @param validate throws if another option is invalid
 * @param describe prints the rows
 */
export async function runLabBench({ file, options, programs, validate, measure, describe }) {
  try {
    validate()
    const lacking = whatIsLacking(programs)
    if (lacking !== null) report({ skipped: [lacking], checks: [], rows: [] }, options, describe)
    else if (options.inside) report(await measure(), options, describe)
    else process.exitCode = await runInside(file, process.argv.slice(2))
  } catch (error) {
    console.error(`bench: ${error.message}`)
    process.exitCode = 2
  }
}

function whatIsLacking(programs) {
  if (process.getuid?.() !== 0) return 'all of it: it makes network namespaces, which needs root'
  const missing = programs.filter((program) => !isInstalled(program))
  return missing.length === 0 ? null : `all of it: ${missing.join(', ')} missing; scripts/install brings it`
}

function report({ skipped = [], checks, rows }, { json }, describe) {
  const ok = checks.every((one) => one.ok)
  process.exitCode = ok ? 0 : 1
  if (json) {
    process.stdout.write(`${JSON.stringify({ ok, skipped, checks, rows }, null, 2)}\n`)
    return
  }
  for (const line of skipped) console.log(`skip  ${line}`)
  if (rows.length === 0) return
  printChecks(checks)
  describe(rows)
}
