import * as z from 'zod'
import { bounds } from '../../../manifest/bounds.ts'
import { egressProtocols } from '../../../manifest/words.ts'
import { percentField, portField, wholeNumberField, wordField } from '../fields.ts'
import { durationField } from './duration-fields.ts'
import { addressField } from './net-fields.ts'
import { argumentField, dnsNameField } from './source-fields.ts'

const paceOf = (interval: string, timeout: string) => ({
  interval: durationField(bounds.sideCheck.interval)
    .describe('Time from one check to the next.')
    .prefault(interval),
  timeout: durationField(bounds.sideCheck.timeout).describe('Time limit for one check.').prefault(timeout),
  rise: wholeNumberField(...bounds.sideCheck.times, '2')
    .describe('Consecutive good checks before it counts as good.')
    .prefault(2),
  fall: wholeNumberField(...bounds.sideCheck.times, '3')
    .describe('Consecutive bad checks before the endpoint is impaired.')
    .prefault(3),
})

export const egressCheck = z
  .strictObject({
    targets: z
      .array(
        z.strictObject({
          protocol: wordField(egressProtocols).describe(
            '`icmp` (an echo), `dns` (a query over UDP that must be answered) or `tcp` (a connection that must be accepted).',
          ),
          address: addressField.meta({
            description: 'An address beyond the gateway, of the same family as the probe’s address.',
            examples: ['198.51.100.53'],
          }),
          port: portField.describe('For `tcp`, and for `dns` if it is not 53.').optional(),
          name: dnsNameField.describe('For `dns`: the name to query, for its A record.').optional(),
        }),
      )
      .min(1)
      .describe('The targets to probe. Use several: one that is down does not mean that the gateway is.'),
    need: wholeNumberField(...bounds.sideCheck.need, '1')
      .describe('How many targets have to answer.')
      .prefault(1),
    ...paceOf('5s', '2s'),
  })
  .describe(
    'Whether clients reach networks beyond the gateway: probed through the probe’s own tunnel session.',
  )

export const commandCheck = z
  .strictObject({
    argv: z
      .array(argumentField)
      .min(1)
      .meta({
        description:
          'The program, by its absolute path, and its arguments. No shell: nothing is expanded. Exit code 0 is good; its output is kept as the reason.',
        examples: [['/usr/local/bin/check-upstream', '--fast']],
      }),
    ...paceOf('10s', '5s'),
  })
  .describe('A program to run. After `timeout` it is killed with all processes that it has started.')

export const peersCheck = z
  .strictObject({
    drop: percentField(1, 100, '50%')
      .describe('The share of peers whose loss at once is bad.')
      .prefault('50%'),
    within: durationField(bounds.sideCheck.within)
      .describe('The period that counts as “at once”.')
      .prefault('3m'),
    least: wholeNumberField(...bounds.sideCheck.least, '20')
      .describe('With fewer peers than this before the loss, the check gives no result.')
      .prefault(20),
    ...paceOf('15s', '5s'),
  })
  .describe('Detects a sudden loss of real peers with a fresh handshake (at most 180 s old).')

export const conntrackCheck = z
  .strictObject({
    maxUse: percentField(1, 100, '90%')
      .describe('The share of nf_conntrack_max that may be in use.')
      .prefault('90%'),
    ...paceOf('10s', '5s'),
  })
  .describe('Detects a connection tracking table that is nearly full: new clients would be dropped.')
