import { join } from 'node:path'
import { Command } from 'commander'
import { checkBundle } from '../bundle/check.ts'
import { describeMissing } from '../bundle/programs.ts'
import { readBundle } from '../bundle/read.ts'
import { loadTemplates } from '../bundle/templates.ts'
import { manifestName, renderBundle, writeBundle } from '../bundle/write.ts'
import { compareAnnouncements, compareEffect, type Effect, type NodeChange } from '../planner/compare.ts'
import { compilePlan } from '../planner/compile.ts'
import { debianLayout } from '../planner/layout.ts'
import { type Manifest, manifestSchema } from '../planner/manifest.ts'
import type { Plan } from '../planner/plan.ts'
import { type BundleFile, createRenderer, type Renderer } from '../render/render.ts'
import { requireFleet } from '../sites/load.ts'
import { CommandError, exitCode } from './failure.ts'

export function planCommand(): Command {
  return new Command('plan')
    .description(
      'Writes a bundle for each node: its routing daemon’s configuration and its controller’s manifest.',
    )
    .requiredOption('--out <dir>', 'the bundles go to <dir>/<site>/<node>/')
    .option('--no-check', 'leave out loading each bundle by its daemon’s own parser')
    .action(async (_options: unknown, command: Command) => {
      await plan(command.optsWithGlobals<{ sites: string; json?: true; out: string; check: boolean }>())
    })
}

async function plan(options: { sites: string; json?: true; out: string; check: boolean }): Promise<void> {
  const fleet = await requireFleet(options.sites)
  const compiled = compilePlan(fleet, (_site, node) => debianLayout(fleet, node))
  const render = createRenderer(await loadTemplates())
  // All or nothing: no bundle is written while any is one that its daemon would refuse.
  if (options.check) await checkAll(render, compiled)

  const nodes = []
  const announcements = []
  for (const node of compiled.nodes) {
    const dir = join(options.out, node.site, node.node)
    const files = renderBundle(render, node)
    const after = manifestOf(files)
    // A bundle that can't be read is no bundle: it is written anew.
    const before = await readBundle(dir).catch(() => null)
    const effect = compareEffect(before, after)
    const change: NodeChange = before === null ? 'new' : effect === 'none' ? 'same' : 'changed'
    await writeBundle(dir, files).catch((cause: NodeJS.ErrnoException) => {
      throw new CommandError(`${cause.path ?? dir} can not be written (${cause.code})`, {
        hint: 'name a folder that you may write, with --out',
        cause,
      })
    })
    const { site, daemon } = node
    nodes.push({ site, node: node.node, daemon, files: files.map((file) => file.path), change, effect })
    announcements.push(...compareAnnouncements(before, after))
  }
  if (options.json) process.stdout.write(`${JSON.stringify({ nodes, announcements }, null, 2)}\n`)
  else printPlan(compiled, nodes, announcements, options)
}

async function checkAll(render: Renderer, plan: Plan): Promise<void> {
  for (const node of plan.nodes) {
    const result = await checkBundle(render, node)
    if (result.outcome === 'unchecked') {
      throw new CommandError(
        `${node.node} can not be checked by its daemon's parser: missing ${describeMissing(result.missing)}`,
        { hint: 'install what is missing, or leave the check out with --no-check; nothing was written' },
      )
    }
    if (result.outcome === 'rejected') {
      const daemon = node.daemon === 'bird' ? 'BIRD' : 'FRR'
      throw new CommandError(
        `${daemon} on this machine refuses the configuration of ${node.node}:\n    ${result.complaints.join('\n    ')}`,
        {
          hint: 'nothing was written; is this daemon older than 2.0.12 (BIRD) or 8.4 (FRR)?',
          exitCode: exitCode.findings,
        },
      )
    }
  }
}

function manifestOf(files: readonly BundleFile[]): Manifest {
  return manifestSchema.parse(JSON.parse(files.find((file) => file.path === manifestName)!.content))
}

function printPlan(
  plan: Plan,
  nodes: readonly { site: string; node: string; daemon: string; change: NodeChange; effect: Effect }[],
  announcements: readonly { node: string; neighbor: string; prefix: string; change: string }[],
  options: { out: string; check: boolean },
): void {
  const write = (line: string) => process.stdout.write(`${line}\n`)
  for (const { node, neighbor, message } of plan.notices) {
    write(`note: ${[node, neighbor].filter(Boolean).join(' ')}${node === null ? '' : ': '}${message}`)
  }
  const width = Math.max(...nodes.map(({ node }) => node.length))
  for (const { site, node, daemon, change, effect } of nodes) {
    write(
      `${node.padEnd(width)}  ${daemon.padEnd(4)}  ${change.padEnd(7)}  ${describeEffect(change, effect)}`,
    )
    for (const row of announcements) {
      if (row.node !== node || row.change === 'same') continue
      const verb = row.change === 'new' ? 'may announce' : 'stops announcing'
      write(`  ${site} ${verb} ${row.prefix} to ${row.neighbor}`)
    }
  }
  const checked = options.check ? ', each loaded by its daemon’s own parser' : ''
  write(`${nodes.length} bundles in ${options.out}${checked}`)
}

function describeEffect(change: NodeChange, effect: Effect): string {
  if (change === 'new') return 'sessions start'
  if (effect === 'none') return 'nothing to do'
  return effect === 'reload' ? 'a reload, sessions stay up' : 'sessions restart'
}
