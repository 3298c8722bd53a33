import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { execa } from 'execa'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))

interface Trespass {
  readonly law: string
  /** The path of the snippet in the checkout; each one once. */
  readonly file: string
  readonly code: string
  readonly message: string
}

const purity = 'is pure: no node:*, no logger, no process, no file'
const trespasses: readonly Trespass[] = [
  ...[
    'net',
    'text',
    'syntax',
    'manifest',
    'plan/sites',
    'plan/policy',
    'plan/rpki',
    'plan/compile',
    'plan/render',
    'plan/takeover',
    'plan/init',
    'plan/rollout',
    'node/health',
    'node/decision',
    'fleet/permit',
  ].flatMap((folder) => {
    const room = basename(folder)
    const up = folder.includes('/') ? '../..' : '..'
    return [
      {
        law: `${room} imports nothing of node:*`,
        file: `src/${folder}/node.ts`,
        code: "import { readFileSync } from 'node:fs'\nexport const text = readFileSync('x', 'utf8')\n",
        message: `${room} ${purity}`,
      },
      {
        law: `${room} has no logger`,
        file: `src/${folder}/logger.ts`,
        code: "import { pino } from 'pino'\nexport const log = pino()\n",
        message: `${room} ${purity}`,
      },
      {
        law: `${room} imports no adapter, not even its types`,
        file: `src/${folder}/adapter.ts`,
        code: `import type { Bird } from '${up}/node/routing/bird/bird.ts'\nexport type Daemon = Bird\n`,
        message: `${room} ${purity}`,
      },
      {
        law: `${room} has no clock`,
        file: `src/${folder}/clock.ts`,
        code: 'export const now = Date.now()\n',
        message: 'Do not use the global variable Date.',
      },
    ]
  }),
  {
    law: 'plan imports nothing of node',
    file: 'src/plan/feeds/reaches-over.ts',
    code: "import type { RoutingDaemon } from '../../node/routing/daemon.ts'\nexport type Daemon = RoutingDaemon\n",
    message: 'feeds brings in',
  },
  {
    law: 'node imports nothing of plan',
    file: 'src/node/routing/reaches-over.ts',
    code: "import type { Fleet } from '../../plan/sites/fleet.ts'\nexport type Known = Fleet\n",
    message: 'An adapter hides one outside thing',
  },
  {
    law: 'state decides nothing',
    file: 'src/node/state/decides.ts',
    code: "import { decideAnnouncement } from '../decision/decide.ts'\nexport const decide = decideAnnouncement\n",
    message: 'state keeps files and decides nothing',
  },
  ...['files', 'linux'].map((room) => ({
    law: `${room} knows no room above it`,
    file: `src/${room}/looks-up.ts`,
    code: "import type { Manifest } from '../manifest/manifest.ts'\nexport type Known = Manifest\n",
    message: 'it imports net and text',
  })),
  {
    law: 'a pure room does not load a fleet',
    file: 'src/plan/compile/loads.ts',
    code: "import { loadFleet } from '../sites/load.ts'\nexport const load = loadFleet\n",
    message: 'it imports irr, net, sites, policy and rpki',
  },
  {
    law: 'sites does not look ahead to the planner',
    file: 'src/plan/sites/backwards.ts',
    code: "import { compilePlan } from '../compile/compile-plan.ts'\nexport const compile = compilePlan\n",
    message: 'sites is pure',
  },
  {
    law: 'the watch for stray packets decides nothing',
    file: 'src/node/rescue/stray/decides.ts',
    code: "import { PeerLimiter } from '../limiter.ts'\nexport const create = () => PeerLimiter\n",
    message: 'stray imports linux, net and text',
  },
  {
    law: 'the planner does not look ahead to render',
    file: 'src/plan/compile/backwards.ts',
    code: "export { renderBundle } from '../render/render.ts'\n",
    message: 'Data flows one way',
  },
  {
    law: 'health does not look ahead to decision',
    file: 'src/node/health/backwards.ts',
    code: "export const decide = async () => await import('../decision/decide.ts')\n",
    message: 'health is pure',
  },
  {
    law: 'the loader imports no room but net',
    file: 'src/plan/sites/load.ts',
    code: "import { compilePlan } from '../compile/compile-plan.ts'\nexport const compile = compilePlan\n",
    message: 'sites imports net and no other room',
  },
  {
    law: 'no code of src imports a package that is installed for development only',
    file: 'src/node/routing/bird/address.ts',
    code: "import { Address4 } from 'ip-address'\nexport const address = new Address4('192.0.2.1')\n",
    message: "Dependency ip-address isn't specified in package.json.",
  },
  {
    law: 'net imports no package',
    file: 'src/net/package.ts',
    code: "import { z } from 'zod'\nexport const text = z.string()\n",
    message: `net ${purity}`,
  },
  {
    law: 'the page imports nothing of the program',
    file: 'src/web/reaches-in.ts',
    code: "import { formatDuration } from '../text/duration.ts'\nexport const format = formatDuration\n",
    message: 'web runs in a browser',
  },
  {
    law: 'the roster is pure',
    file: 'src/node/rescue/roster.ts',
    code: "import { showWg } from '../../linux/wg.ts'\nexport const show = showWg\n",
    message: 'The roster and the limiter are pure',
  },
  {
    law: 'the limiter has no clock',
    file: 'src/node/rescue/limiter.ts',
    code: 'export const now = Date.now()\n',
    message: 'Do not use the global variable Date.',
  },
  {
    law: 'the plan of the policy route is pure',
    file: 'src/node/rescue/source/source-plan.ts',
    code: "import { runIpBatch } from '../../../linux/ip-batch.ts'\nexport const run = runIpBatch\n",
    message: 'The plan of the policy route is pure',
  },
  {
    law: 'the policy route decides nothing',
    file: 'src/node/rescue/source/decides.ts',
    code: "import { decideAnnouncement } from '../../decision/decide.ts'\nexport const decide = decideAnnouncement\n",
    message: 'source keeps a policy route',
  },
  {
    law: 'the streams of rosters know no node',
    file: 'src/fleet/roster/stores.ts',
    code: "import { Roster } from '../../node/rescue/roster.ts'\nexport const create = () => Roster\n",
    message: 'fleet/roster carries',
  },
  {
    law: 'one daemon knows nothing of the other',
    file: 'src/node/routing/frr/borrows.ts',
    code: "import { createBird } from '../bird/bird.ts'\nexport const create = createBird\n",
    message: 'bird and frr know nothing of each other',
  },
  {
    law: 'the controller gets its daemon as an argument',
    file: 'src/node/controller/constructs.ts',
    code: "import { createBird } from '../routing/bird/bird.ts'\nexport const create = createBird\n",
    message: 'The controller gets its adapters as arguments',
  },
  {
    law: 'the controller does not reach into WireGuard',
    file: 'src/node/controller/wireguard.ts',
    code: "import type { Session } from '../wireguard/session.ts'\nexport type Live = Session\n",
    message: 'The controller gets its adapters as arguments',
  },
  {
    law: 'the controller imports only the client of the guard',
    file: 'src/node/controller/guards.ts',
    code: "import type { Guard } from '../guard/guard.ts'\nexport type Own = Guard\n",
    message: 'The controller gets its adapters as arguments',
  },
  {
    law: 'the guard knows nothing of health',
    file: 'src/node/guard/health.ts',
    code: "import type { HealthState } from '../health/health.ts'\nexport type State = HealthState\n",
    message: 'The guard knows only how to withdraw',
  },
  {
    law: 'control knows no controller: what it shows comes in',
    file: 'src/control/reaches.ts',
    code: "import type { Controller } from '../node/controller/controller.ts'\nexport type Shown = Controller\n",
    message: 'control is what programs and operators say to each other',
  },
  {
    law: 'the controller serves nothing by itself',
    file: 'src/node/controller/serves.ts',
    code: "import { createHttpServer } from '../../control/http-server.ts'\nexport const create = createHttpServer\n",
    message: 'The controller gets its adapters as arguments',
  },
  {
    law: 'a withdrawal does not ask the controller',
    file: 'src/node/withdraw/controller.ts',
    code: "import type { Intent } from '../decision/intent.ts'\nexport type Wish = Intent\n",
    message: 'withdraw takes away what is announced, whatever else is broken',
  },
  {
    law: 'a check of the doctor reads the system through linux only',
    file: 'src/node/doctor/checks/network/reads.ts',
    code: "import { readFile } from 'node:fs/promises'\nexport const read = readFile\n",
    message: 'doctor reads the operating system through linux only',
  },
  {
    law: 'the doctor changes nothing',
    file: 'src/node/doctor/repairs.ts',
    code: "import { installFiles } from '../apply/files.ts'\nexport const install = installFiles\n",
    message: 'doctor reads the operating system through linux only',
  },
  {
    law: 'one store knows nothing of the other',
    file: 'src/fleet/local/borrows.ts',
    code: "import { EtcdStore } from '../etcd/etcd-store.ts'\nexport const Other = EtcdStore\n",
    message: 'fleet/local imports the interface of the store',
  },
  {
    law: 'the permit is exchanged over any store',
    file: 'src/fleet/exchange/opens.ts',
    code: "import { EtcdStore } from '../etcd/etcd-store.ts'\nexport const open = EtcdStore\n",
    message: 'exchange runs the permit',
  },
  {
    law: 'a store does not know what is stored',
    file: 'src/fleet/etcd/permits.ts',
    code: "import type { Register } from '../permit/register.ts'\nexport type Stored = Register\n",
    message: 'fleet/etcd imports the interface of the store',
  },
  {
    law: 'the lab does not import cli',
    file: 'src/lab/cli.ts',
    code: "import { reportFailure } from '../cli/failure.ts'\nexport const report = reportFailure\n",
    message: 'No folder imports cli.',
  },
  ...['node', 'plan'].map((half) => ({
    law: `${half}/service does not import cli`,
    file: `src/${half}/service/cli.ts`,
    code: "import { reportFailure } from '../../cli/failure.ts'\nexport const report = reportFailure\n",
    message: `${half}/service composes what runs`,
  })),
  {
    law: 'node/service imports nothing of plan',
    file: 'src/node/service/plan.ts',
    code: "import type { Fleet } from '../../plan/sites/fleet.ts'\nexport type Known = Fleet\n",
    message: 'node/service composes what runs on a node',
  },
  {
    law: 'plan/service imports nothing of node',
    file: 'src/plan/service/node.ts',
    code: "import type { RoutingDaemon } from '../../node/routing/daemon.ts'\nexport type Daemon = RoutingDaemon\n",
    message: 'plan/service composes what runs centrally',
  },
  {
    law: 'node/service works without the lab',
    file: 'src/node/service/lab.ts',
    code: "export const locate = async () => await import('../../lab/locate.ts')\n",
    message: 'node/service composes what runs on a node',
  },
  {
    law: 'a node command does not import an operator command',
    file: 'src/cli/node/operator.ts',
    code: "import { drain } from '../operate/drain.ts'\nexport const order = drain\n",
    message: 'A node command works without the lab',
  },
  {
    law: 'an operator command does not import a node command',
    file: 'src/cli/operate/node.ts',
    code: "import { withdraw } from '../node/withdraw.ts'\nexport const order = withdraw\n",
    message: 'An operator command works without the lab',
  },
  ...['node', 'operate', 'design'].map((folder) => ({
    law: `the commands of cli/${folder} do not import the lab`,
    file: `src/cli/${folder}/lab.ts`,
    code: "export const locate = async () => await import('../../lab/locate.ts')\n",
    message: 'no lab.',
  })),
  {
    law: 'a design command imports nothing of node',
    file: 'src/cli/design/node.ts',
    code: "import type { RoutingDaemon } from '../../node/routing/daemon.ts'\nexport type Daemon = RoutingDaemon\n",
    message: 'A design command imports no node command',
  },
  {
    law: 'nothing in src imports test',
    file: 'src/cli/fixture.ts',
    code: "import { fixture } from '../../test/unit/fixture.ts'\nexport const borrowed = fixture\n",
    message: 'Nothing in src imports test.',
  },
  {
    law: 'a test folder named like a room is not that room',
    file: 'src/node/controller/fixture.ts',
    code: "import { fixture } from '../../../test/unit/net/fixture.ts'\nexport const borrowed = fixture\n",
    message: 'The controller gets its adapters as arguments',
  },
  {
    law: 'a new room starts with no rights',
    file: 'src/newcomer/first.ts',
    code: "import { parsePrefix } from '../net/prefix.ts'\nexport const parse = parsePrefix\n",
    message: 'This room has no borders yet',
  },
]

const allowed: ReadonlyMap<string, string> = new Map([
  [
    'src/net/fine.ts',
    "import { parseAddress } from './prefix.ts'\nexport const address = parseAddress('192.0.2.1')\n",
  ],
  ...['files', 'linux'].map((room): [string, string] => [
    `src/${room}/fine.ts`,
    "import { readFileSync } from 'node:fs'\nexport { parseAddress } from '../net/prefix.ts'\nexport const text = readFileSync('x', 'utf8')\n",
  ]),
  [
    'src/plan/render/fine.ts',
    "import type { Plan } from '../compile/plan.ts'\nexport type Rendered = Plan\n",
  ],
  [
    'src/node/health/fine.ts',
    "import type { ProbeResult } from '../probe/result.ts'\nexport { z } from 'zod'\nexport type Seen = ProbeResult\n",
  ],
  [
    'src/node/routing/bird/fine.ts',
    "export type { RoutingDaemon } from '../daemon.ts'\nexport { parsePrefix } from '../../../net/prefix.ts'\n",
  ],
  [
    'src/node/guard/fine.ts',
    "import type { RoutingDaemon } from '../routing/daemon.ts'\nexport { addressesOf } from '../withdraw/scope.ts'\nexport type Daemon = RoutingDaemon\n",
  ],
  [
    'src/node/doctor/checks/network/fine.ts',
    "import { runIp } from '../../../../linux/ip.ts'\nimport { warning } from '../../check.ts'\nexport const parts = [runIp, warning]\n",
  ],
  [
    'src/node/withdraw/fine.ts',
    "import { readAnnouncements } from '../../manifest/announcements.ts'\nexport const read = readAnnouncements\n",
  ],
  [
    'src/node/controller/fine.ts',
    "import type { GuardClient } from '../guard/client.ts'\nexport type { RoutingDaemon } from '../routing/daemon.ts'\nexport type Guard = GuardClient\n",
  ],
  [
    'src/node/service/fine.ts',
    "import { createBird } from '../routing/bird/bird.ts'\nexport { createLog } from '../../telemetry/log.ts'\nexport const create = createBird\n",
  ],
  [
    'src/cli/operate/fine.ts',
    "import { askController } from '../../node/service/ask-controller.ts'\nimport { printStatus } from '../print-status.ts'\nexport const parts = [askController, printStatus]\n",
  ],
  [
    'src/lab/fine.ts',
    "import { createBird } from '../node/routing/bird/bird.ts'\nexport const create = createBird\n",
  ],
])

describe('the import borders of biome.json', () => {
  const folder = mkdtempSync(join(tmpdir(), 'anyward-borders-'))
  const findings = new Map<string, string[]>()

  beforeAll(async () => {
    for (const name of ['biome.json', 'package.json']) cpSync(join(root, name), join(folder, name))
    for (const { file, code } of trespasses) write(folder, file, code)
    for (const [file, code] of allowed) write(folder, file, code)
    const { stdout, stderr } = await execa(
      join(root, 'node_modules/.bin/biome'),
      ['lint', '--vcs-enabled=false', '--max-diagnostics=none', '--reporter=github', '.'],
      { cwd: folder, reject: false, stdin: 'ignore' },
    )
    for (const line of stdout.split('\n')) {
      const match =
        /^::error title=lint\/(?:style\/noRestricted\w+|correctness\/noUndeclaredDependencies),file=(.*?),line=.*?::(.*)$/.exec(
          line,
        )
      const file = trespasses
        .map((one) => one.file)
        .concat(...allowed.keys())
        .find((path) => match?.[1]?.endsWith(path))
      if (match !== null && file !== undefined) findings.set(file, [...(findings.get(file) ?? []), match[2]!])
    }
    expect(findings.size, `biome reported nothing:\n${stdout}\n${stderr}`).toBeGreaterThan(0)
  }, 60_000)

  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  test.each(trespasses)('$law', ({ file, message }) => {
    expect(findings.get(file)).toEqual([expect.stringContaining(message)])
  })

  test.each([...allowed.keys()])('%s, which respects its borders, has no finding', (file) => {
    expect(findings.get(file)).toBeUndefined()
  })
})

describe('oxlint with type information', () => {
  const folder = mkdtempSync(join(tmpdir(), 'anyward-oxlint-'))
  let report = ''

  beforeAll(async () => {
    for (const file of ['.oxlintrc.json', 'tsconfig.json']) cpSync(join(root, file), join(folder, file))
    symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
    write(folder, 'package.json', '{ "type": "module" }\n')
    write(
      folder,
      'src/control/floating.ts',
      'async function work(): Promise<void> {}\nexport function start(): void {\n  work()\n}\n',
    )
    write(
      folder,
      'src/control/awaited.ts',
      'async function work(): Promise<void> {}\nexport async function start(): Promise<void> {\n  await work()\n}\n',
    )
    write(
      folder,
      'src/node/probe/endpoint.ts',
      'export type Options = number\nexport const createProbe = (): number => 1\n',
    )
    write(
      folder,
      'src/node/controller/constructs.ts',
      "import { createProbe } from '../probe/endpoint.ts'\nexport const probe = createProbe()\n",
    )
    write(
      folder,
      'src/node/controller/types.ts',
      "import type { Options } from '../probe/endpoint.ts'\nexport type Settings = Options\n",
    )
    write(folder, 'src/control/status.ts', 'export type NodeStatus = number\nexport const schema = 1\n')
    for (const [file, kind, name] of [
      ['schema.ts', '', 'schema'],
      ['shape.ts', 'type ', 'NodeStatus'],
    ]) {
      write(
        folder,
        `src/web/${file}`,
        `import ${kind}{ ${name} } from '../control/status.ts'\nexport ${kind}{ ${name} }\n`,
      )
    }
    const { stdout, stderr } = await execa(
      join(root, 'node_modules/.bin/oxlint'),
      ['--type-aware', '--format=unix', 'src'],
      { cwd: folder, reject: false, stdin: 'ignore' },
    )
    report = `${stdout}\n${stderr}`
  }, 60_000)

  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  test('reports a promise that is not awaited', () => {
    expect(report).toMatch(/floating\.ts:3:\d+: .*typescript\(no-floating-promises\)/)
    expect(report).not.toContain('awaited.ts')
  })

  test('reports a controller that constructs an adapter, and not one that imports only its type', () => {
    expect(report).toMatch(/constructs\.ts:1:\d+: .*eslint\(no-restricted-imports\)/)
    expect(report).not.toContain('types.ts')
  })

  test('reports a page that imports a schema, which needs zod, and not one that imports only its type', () => {
    expect(report).toMatch(/web\/schema\.ts:1:\d+: .*eslint\(no-restricted-imports\)/)
    expect(report).not.toContain('shape.ts')
  })
})

function write(folder: string, file: string, text: string): void {
  mkdirSync(dirname(join(folder, file)), { recursive: true })
  writeFileSync(join(folder, file), text)
}
