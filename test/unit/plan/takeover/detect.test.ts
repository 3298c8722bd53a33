import { expect, test } from 'vitest'
import { detectDaemon } from '../../../../src/plan/takeover/detect.ts'

test.each([
  ['bird', 'router id 10.0.0.1;\n'],
  ['bird', '# router bgp 64500\nprotocol device\n{\n}\n'],
  ['bird', '/*\nrouter bgp 64500\n*/\ninclude "x";\n'],
  ['bird', 'log syslog all;\nprotocol device { }\n'],
  ['frr', '! protocol bgp x {\nrouter bgp 64500\n'],
  ['frr', 'frr version 10.3\n'],
  ['frr', 'hostname r1\nrouter ospf\n'],
  [null, ''],
  [null, 'Dear colleague,\n'],
  [null, '{"json": true}'],
])('%s: %j', (daemon, text) => {
  expect(detectDaemon(text)).toBe(daemon)
})
