// Inside a lane: runs a command and records what it left behind, before the lane's namespaces end.
import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { findLeftovers, inspectMachine } from './leftovers.mjs'

const [report, file, ...options] = process.argv.slice(2)
const runId = process.env.ANYWARD_TEST_RUN
const before = inspectMachine(runId)
const child = spawn(file, options, { stdio: ['ignore', 'inherit', 'inherit'] })
child.once('error', (error) => {
  console.error(error.message)
  process.exitCode = 127
})
child.once('exit', (code) => {
  void findLeftovers(before, runId).then((leftovers) => {
    writeFileSync(report, JSON.stringify(leftovers))
    process.exitCode = code ?? 1
  })
})
