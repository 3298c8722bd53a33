import * as z from 'zod'
import { bounds } from '../../../manifest/bounds.ts'
import { quote } from '../../../text/wording.ts'
import { nameField, percentField, textField, wordField } from '../fields.ts'
import { durationField } from './duration-fields.ts'

const members = ['nodes', 'sites', 'share'] as const

const wave = z
  .strictObject({
    name: nameField('europe').describe('The name of the wave.'),
    nodes: z.array(nameField('fra1-a')).min(1).describe('These nodes.').optional(),
    sites: z
      .array(nameField('fra1'))
      .min(1)
      .describe('Instead of nodes: all nodes of these sites, such as those of a region.')
      .optional(),
    share: percentField(1, 100, '25%')
      .describe(
        'Instead of nodes: this share of the fleet’s nodes, of those that are in no other wave before.',
      )
      .optional(),
  })
  .superRefine((wave, context) => {
    const given = members.filter((key) => wave[key] !== undefined)
    // A misspelt key is already reported.
    if (given.length === 1 || context.issues.length > 0) return
    context.addIssue({
      code: 'custom',
      message: given.length === 0 ? 'has none of nodes, sites and share' : `has ${given.join(' and ')}`,
      params: { hint: given.length === 0 ? 'write share: 25%, for example' : 'keep one of them' },
    })
  })

export const rollout = z
  .strictObject({
    waves: z
      .array(wave)
      .describe(
        'Groups of nodes that get a new bundle one after the other. The first node of all is always alone: the canary. Nodes of no wave form the last one.',
      )
      .prefault([]),
    soak: durationField(bounds.rollout.soak)
      .describe('How long every node of a wave must be well before the next wave begins.')
      .prefault('5m'),
    via: wordField(['ssh', 'store'])
      .describe('How the nodes are reached: over ssh, or through the store and the agent on each node.')
      .prefault('ssh'),
  })
  .describe('How `rollout` brings a plan to the nodes.')
  .prefault({})

const hostPattern = /^[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,251}[A-Za-z0-9_])?$/

/** A destination of ssh(1), as `ssh_config` knows it: the user and the port are given there. */
export const sshField = textField(
  'fra1-a.example.net',
  { title: 'host name for ssh', pattern: hostPattern.source },
  (text) =>
    hostPattern.test(text)
      ? { ok: true, value: text }
      : {
          ok: false,
          message: `${quote(text)} is not a host name for ssh`,
          hint: 'write a Host of your ssh_config, which also sets the user, the port and jump hosts',
        },
)
