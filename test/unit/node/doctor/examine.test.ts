import { expect, test } from 'vitest'
import { RunError } from '../../../../src/linux/run.ts'
import { type Check, type Context, error } from '../../../../src/node/doctor/check.ts'
import { checks } from '../../../../src/node/doctor/checks/checks.ts'
import { examine } from '../../../../src/node/doctor/examine.ts'
import { DaemonError } from '../../../../src/node/routing/daemon.ts'
import { OperationError } from '../../../../src/text/operation-error.ts'

const context: Context = {
  ...{ manifest: null, bundle: null, services: [], clientName: null, observe: null, nowMs: 0 },
  ...{ askController: null, findLoss: null },
}
const check = (name: string, work: Check['examine']): Check => ({ name, reads: '', examine: work })

test('each check has its own time limit, and one that fails or hangs is a finding', async () => {
  const findings = await examine({
    context,
    timeoutMs: 50,
    checks: [
      check('hangs', () => new Promise(() => {})),
      check('denied', async () => {
        throw Object.assign(new Error('EACCES: permission denied'), { code: 'EACCES' })
      }),
      check('lacking', async () => {
        throw new RunError(['nft', '-j'], 'not-installed', 'not installed')
      }),
      check('silent', async () => {
        throw new OperationError('the controller did not answer', { hint: 'check whether it hangs' })
      }),
      check('closed', async () => {
        throw new OperationError('no permission', { hint: 'run this as root' })
      }),
      check('late', async () => {
        throw new RunError(['wg', 'show'], 'timeout', 'no answer within 5000 ms')
      }),
      check('finds', async () => [error('it is broken', 'repair it')]),
      check('fine', async () => []),
    ],
  })
  expect(findings.map(({ severity, check: name }) => `${name} ${severity}`)).toEqual([
    'hangs error',
    'denied info',
    'lacking info',
    'silent error',
    'closed info',
    'late error',
    'finds error',
  ])
  expect(findings[0]!.message).toBe('no answer in 0.05 s')
  expect(findings[0]!.cure).toMatch(/run this again when it is idle; if it is, .*`ps -eo pid,stat/)
  expect(findings[1]!.cure).toBe('run this as root')
  expect(findings[2]!.message).toBe('not checked: nft is not installed')
  expect(Object.keys(findings[6]!)).toEqual(['severity', 'check', 'message', 'cure'])
})

test('a daemon that does not run, or may not be asked, is a finding of the check of its socket alone', async () => {
  const fail = (code: 'not-running' | 'permission' | 'timeout' | 'protocol') =>
    check(code, () => Promise.reject(new DaemonError(code, 'words')))
  const causes = (['not-running', 'permission', 'timeout', 'protocol'] as const).map(fail)
  const findings = await examine({ context, timeoutMs: 50, checks: causes })
  expect(findings).toEqual([
    {
      ...{ severity: 'error', check: 'timeout', message: 'not checked: words' },
      cure: expect.stringMatching(/^this machine may be busy \(load .*\): run this again when it is idle/),
    },
    {
      ...{ severity: 'info', check: 'protocol', message: 'not checked: words' },
      cure: 'fix that, then run this again',
    },
  ])
})

test('the checks have different names', () => {
  const names = checks.map(({ name }) => name)
  expect(new Set(names).size).toBe(names.length)
})
