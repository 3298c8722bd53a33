import { z } from 'zod'
import { bounds } from '../../manifest/bounds.ts'
import { egressProtocols } from '../../manifest/words.ts'
import { durationField, percentField, portField, wholeNumberField, wordField } from '../fields.ts'
import { addressField } from './net-fields.ts'
import { argumentField, dnsNameField } from './source-fields.ts'

const paceOf = (interval: string, timeout: string) => ({
  interval: durationField(bounds.sideCheck.interval)
    .describe('From one check to the next.')
    .prefault(interval),
  timeout: durationField(bounds.sideCheck.timeout).describe('How long it may take.').prefault(timeout),
  rise: wholeNumberField(...bounds.sideCheck.times, '2')
    .describe('Good checks in a row until it is well again.')
    .prefault(2),
  fall: wholeNumberField(...bounds.sideCheck.times, '3')
    .describe('Bad checks in a row until it is impaired.')
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
            description: 'An address beyond the gateway, of the family of the probe’s own.',
            examples: ['198.51.100.53'],
          }),
          port: portField.describe('For `tcp`, and for `dns` if it is not 53.').optional(),
          name: dnsNameField.describe('For `dns`: what is asked for, by its A record.').optional(),
        }),
      )
      .min(1)
      .describe('Who has to answer. Name several: one that is down is not your gateway’s fault.'),
    need: wholeNumberField(...bounds.sideCheck.need, '1')
      .describe('How many of them have to.')
      .prefault(1),
    ...paceOf('5s', '2s'),
  })
  .describe('Whether clients get beyond the gateway: asked through the probe’s own tunnel session.')

export const commandCheck = z
  .strictObject({
    argv: z
      .array(argumentField)
      .min(1)
      .meta({
        description:
          'The program, by its absolute path, and its arguments. No shell: nothing is expanded. Exit code 0 is good; what it prints is kept as the reason.',
        examples: [['/usr/local/bin/check-upstream', '--fast']],
      }),
    ...paceOf('10s', '5s'),
  })
  .describe('A program of yours. With all that it has started it is killed after `timeout`.')

export const peersCheck = z
  .strictObject({
    drop: percentField(1, 100, '50%').describe('So many lost at once are a cliff.').prefault('50%'),
    within: durationField(bounds.sideCheck.within).describe('What “at once” is.').prefault('3m'),
    least: wholeNumberField(...bounds.sideCheck.least, '20')
      .describe('With fewer peers than that before the fall, nothing is said.')
      .prefault(20),
    ...paceOf('15s', '5s'),
  })
  .describe('The share of real peers with a fresh handshake (at most 180 s old) fell off a cliff.')

export const conntrackCheck = z
  .strictObject({
    maxUse: percentField(1, 100, '90%')
      .describe('The share of nf_conntrack_max that may be used.')
      .prefault('90%'),
    ...paceOf('10s', '5s'),
  })
  .describe('The connection tracking table is nearly full: new clients would be dropped.')
