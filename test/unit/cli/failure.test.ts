import { CommanderError } from 'commander'
import { afterEach, expect, test, vi } from 'vitest'
import { CommandError, exitCode, reportFailure } from '../../../src/cli/failure.ts'
import { LockError } from '../../../src/files/lock.ts'
import { FeedError } from '../../../src/plan/feeds/feed.ts'
import { FleetFolderError } from '../../../src/plan/sites/folder-error.ts'
import { ConfigError } from '../../../src/text/issue.ts'
import { OperationError } from '../../../src/text/operation-error.ts'

afterEach(() => vi.restoreAllMocks())

function report(error: unknown): { code: number; stderr: string } {
  let stderr = ''
  vi.spyOn(process.stderr, 'write').mockImplementation((chunk) => {
    stderr += String(chunk)
    return true
  })
  return { code: reportFailure(error), stderr }
}

const hint = 'stop it first'

test.each<[string, unknown, number, string]>([
  [
    'a failed operation',
    new OperationError('a controller runs', { hint, cause: new Error('EBUSY') }),
    2,
    `anyward: a controller runs\n    ${hint}\n`,
  ],
  [
    'a refused operation',
    new OperationError('a controller runs', { hint, outcome: 'refused' }),
    1,
    `anyward: a controller runs\n    ${hint}\n`,
  ],
  ['a failed command', new CommandError('no node'), 2, 'anyward: no node\n'],
  [
    'a command with findings',
    new CommandError('no node', { hint, exitCode: exitCode.findings }),
    1,
    `anyward: no node\n    ${hint}\n`,
  ],
  [
    'an invalid configuration',
    new ConfigError([
      {
        severity: 'error',
        file: 'a.yaml',
        line: 2,
        column: 3,
        path: 'asn',
        message: 'is missing',
        hint: 'write one',
      },
    ]),
    1,
    'a.yaml:2:3 asn: is missing\n    write one\n',
  ],
  [
    'a missing folder of sites',
    new FleetFolderError('sites', 'it does not exist'),
    2,
    'anyward: cannot read the folder "sites": it does not exist\n    name the folder with --sites DIR\n',
  ],
  [
    'a feed that cannot be read',
    new FeedError([{ feed: 'vrps.json', reason: 'is not JSON', hint: 'restore it' }]),
    2,
    'anyward: vrps.json: is not JSON\n    restore it\n',
  ],
  [
    'a lock that cannot be read',
    new LockError('x.lock is a folder: remove it'),
    2,
    'anyward: x.lock is a folder: remove it\n',
  ],
  [
    'an error that commander has printed',
    new CommanderError(1, 'commander.unknownOption', 'unknown option'),
    2,
    '',
  ],
  ['the help', new CommanderError(0, 'commander.helpDisplayed', '(outputHelp)'), 0, ''],
  ['text', 'broken', 2, 'anyward: broken\n'],
])('%s is reported with its message, its hint and its exit code', (_, error, code, stderr) => {
  expect(report(error)).toEqual({ code, stderr })
})

test('an unknown error is reported with its stack', () => {
  const { code, stderr } = report(new Error('broken'))
  expect(code).toBe(2)
  expect(stderr).toMatch(/^anyward: Error: broken\n {4}at .*failure\.test\.ts/)
})
