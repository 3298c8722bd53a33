import type { Command } from 'commander'
import { explainCommand } from './design/explain.ts'
import { initCommand } from './design/init.ts'
import { planCommand } from './design/plan.ts'
import { plannerCommand } from './design/planner.ts'
import { preflightCommand } from './design/preflight.ts'
import { schemaCommand } from './design/schema.ts'
import { signCommand } from './design/sign.ts'
import { validateCommand } from './design/validate.ts'
import { agentCommand } from './node/agent.ts'
import { applyCommand } from './node/apply.ts'
import { controllerCommand } from './node/controller.ts'
import { doctorCommand } from './node/doctor.ts'
import { guardCommand } from './node/guard.ts'
import { probeCommand } from './node/probe.ts'
import { rtrCommand } from './node/rtr.ts'
import { drainCommand } from './operate/drain.ts'
import { eventsCommand } from './operate/events.ts'
import { permitCommand } from './operate/permit.ts'
import { statusCommand } from './operate/status.ts'
import { tokenCommand } from './operate/token.ts'
import { undrainCommand } from './operate/undrain.ts'
import { withdrawCommand } from './operate/withdraw.ts'
import { labCommand } from './rehearse/lab.ts'
import { rolloutCommand } from './rollout/rollout.ts'

/**
 * What `anyward --help` lists. A command's file describes it and reads its options; what it does is imported when it
 * runs, so that `--help` and `--version` load nothing else.
 */
export const commandGroups: Readonly<Record<string, readonly (() => Command)[]>> = {
  Design: [
    initCommand,
    validateCommand,
    schemaCommand,
    planCommand,
    signCommand,
    plannerCommand,
    explainCommand,
    preflightCommand,
  ],
  'On a node': [
    controllerCommand,
    guardCommand,
    applyCommand,
    agentCommand,
    doctorCommand,
    rtrCommand,
    probeCommand,
  ],
  Operate: [
    statusCommand,
    eventsCommand,
    drainCommand,
    undrainCommand,
    withdrawCommand,
    permitCommand,
    tokenCommand,
    rolloutCommand,
  ],
  Rehearse: [labCommand],
}
