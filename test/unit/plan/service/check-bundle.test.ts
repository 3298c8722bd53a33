import { expect, test } from 'vitest'
import { isChatter } from '../../../../src/plan/service/check-bundle.ts'

const time = '(2026/11/23 02:25:11:876120)'

test.each([
  '',
  'Disabling MPLS support (no kernel support)',
  "2026/11/28 22:41:26 ZEBRA: [ZF4VE-3BE99][EC 100663299] Can't bind zserv socket on /tmp/anyward-check-9rVEIa/zserv: Permission denied",
  `${time}: RTR_MGR: rtr_mgr_start()`,
  `${time}: TCP Transport(127.0.0.1:3323): Couldn't establish TCP connection, Network is unreachable`,
  // The output of two threads at once.
  `RTR Socket: State: RTR_CONNECTING${time}:`,
  `${time}: ${time}: `,
  'TCP Transport(2001:db8::53:323): Socket closed',
  'Graceful restart configuration changed, reset all peers to take effect',
  '2026/11/29 12:44:46 ZEBRA: [YDG3W-JND95] FD Limit set: 524288 is stupidly large.  Is this what you intended?  Consider using --limit-fds also limiting size to 100000',
])('is ignored: %s', (line) => {
  expect(isChatter(line)).toBe(true)
})

test.each([
  '2026/11/23 02:14:41 BGP: [SHWNK-NWT5S][EC 100663304] No such command on config line 7: nothing',
  `${time}: 2026/11/23 02:14:41 BGP: [ABCDE-FGHIJ] a cluster id is refused`,
  'RTR Socket: Waiting 6002026/11/23 02:14:41 BGP: [ABCDE-FGHIJ] a cluster id is refused',
  '% Malformed cluster identifier',
])('is an error: %s', (line) => {
  expect(isChatter(line)).toBe(false)
})
