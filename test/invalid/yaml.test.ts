import { expect, test } from 'vitest'
import { type Edit, issuesAfter } from './base.ts'

const rows: [name: string, edits: Edit[], issues: string[]][] = [
  [
    'an empty file',
    [['fra1.yaml', '']],
    ['sites/fra1.yaml:1:1 the file is empty\nit is a map with the keys site, asn, nodes, maintenance'],
  ],
  [
    'only comments',
    [['fra1.yaml', '# to do\n']],
    ['sites/fra1.yaml:1:1 the file is empty\nit is a map with the keys site, asn, nodes, maintenance'],
  ],
  [
    'only a document marker',
    [['fra1.yaml', '---\n']],
    ['sites/fra1.yaml:1:4 the file is empty\nit is a map with the keys site, asn, nodes, maintenance'],
  ],
  [
    'a list where the map belongs',
    [['fra1.yaml', '- site: fra1\n']],
    [
      'sites/fra1.yaml:1:1 expected a map, got a list\nit is a map with the keys site, asn, nodes, maintenance',
    ],
  ],
  [
    'plain text',
    [['fra1.yaml', 'hello\n']],
    ['sites/fra1.yaml:1:1 expected a map, got text\nit is a map with the keys site, asn, nodes, maintenance'],
  ],
  [
    'a tab as indentation',
    [['fra1.yaml', '    daemon: bird', '\tdaemon: bird']],
    ['sites/fra1.yaml:4:1 there is a tab in the indentation\nindent with spaces: YAML refuses tabs'],
  ],
  [
    'two documents',
    [['fra1.yaml', 'site: fra1\n', 'site: fra1\n---\n']],
    [
      'sites/fra1.yaml:2:1 a second document begins here\nkeep one document per file, without --- in the middle',
    ],
  ],
  [
    'a duplicate key',
    [['fra1.yaml', '    daemon: bird\n', '    daemon: bird\n    daemon: frr\n']],
    ['sites/fra1.yaml:5:5 nodes[0].daemon: the key "daemon" is in this map twice\nkeep one of the two'],
  ],
  [
    'a service twice',
    [['fleet.yaml', '  vpn:\n', '  vpn: {}\n  vpn:\n']],
    [
      'sites/fleet.yaml:4:8 services.vpn.anycast: is missing\nit is a list',
      'sites/fleet.yaml:4:8 services.vpn.covering: is missing\nit is a list',
      'sites/fleet.yaml:4:8 services.vpn.wireguard: is missing\nit is a map with the keys interface, port, publicKey, addresses',
      'sites/fleet.yaml:4:8 services.vpn.probe: is missing\nit is a map with the keys privateKeyFile, presharedKeyFile, address, interval, timeout, rise, fall, suspicion, checks, window, holdDown, egress, command, peers, conntrack',
      'sites/fleet.yaml:5:3 services.vpn: the key "vpn" is in this map twice\nkeep one of the two',
    ],
  ],
  [
    'a merge key',
    [['fra1.yaml', '    daemon: bird\n', '    daemon: bird\n    <<: { x: 1 }\n']],
    ['sites/fra1.yaml:5:5 nodes[0]: merge keys (<<) are not supported\nwrite the keys out'],
  ],
  [
    '__proto__',
    [['fra1.yaml', '    daemon: bird\n', '    daemon: bird\n    __proto__: { daemon: frr }\n']],
    ['sites/fra1.yaml:5:5 nodes[0].__proto__: "__proto__" is not a known key\nleave it out'],
  ],
  [
    '__proto__ as a service',
    [['fleet.yaml', '  vpn:\n', '  __proto__: {}\n  vpn:\n']],
    ['sites/fleet.yaml:4:3 services.__proto__: "__proto__" is not a known key\nleave it out'],
  ],
  [
    'constructor as a service',
    [['fleet.yaml', '  vpn:\n', '  constructor: {}\n  vpn:\n']],
    [
      'sites/fleet.yaml:4:16 services.constructor.anycast: is missing\nit is a list',
      'sites/fleet.yaml:4:16 services.constructor.covering: is missing\nit is a list',
      'sites/fleet.yaml:4:16 services.constructor.wireguard: is missing\nit is a map with the keys interface, port, publicKey, addresses',
      'sites/fleet.yaml:4:16 services.constructor.probe: is missing\nit is a map with the keys privateKeyFile, presharedKeyFile, address, interval, timeout, rise, fall, suspicion, checks, window, holdDown, egress, command, peers, conntrack',
    ],
  ],
  [
    'an alias without an anchor',
    [['fra1.yaml', 'daemon: bird', 'daemon: *daemon']],
    [
      'sites/fra1.yaml:4:13 nodes[0].daemon: an alias (*) has no anchor (&) of that name before it\nput the value in quotes if it begins with *',
    ],
  ],
  [
    'an anchor twice',
    [
      ['fra1.yaml', 'site: fra1', 'site: &a fra1'],
      ['fra1.yaml', 'daemon: bird', 'daemon: &a bird'],
    ],
    [
      'sites/fra1.yaml:4:16 nodes[0].daemon: an anchor (&) has the same name as another\ngive each a unique name',
    ],
  ],
  [
    'an alias bomb',
    [
      [
        'fra1.yaml',
        'site: &a [x,x,x,x,x,x,x,x,x,x]\nnodes: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\nb: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\nc: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]\nd: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d,*d]\n',
      ],
    ],
    ['sites/fra1.yaml:4:29 aliases (*) expand to too many values\nwrite the values out'],
  ],
  [
    'an anchor that contains itself',
    [['fra1.yaml', 'site: fra1\nnodes: &a [*a]\n']],
    ['sites/fra1.yaml:2:12 is nested too deeply\nat most 32 levels are read'],
  ],
  [
    'a tag',
    [['fra1.yaml', 'site: fra1', 'site: !!js/function fra1']],
    ['sites/fra1.yaml:1:7 a tag (!) is not supported here\nleave the tag out'],
  ],
  [
    'a NUL byte',
    [['fra1.yaml', 'daemon: bird', 'daemon: bi\u0000rd']],
    ['sites/fra1.yaml:4:15 contains the control character "\\u0000"\nis this a text file?'],
  ],
  [
    'an open quote',
    [['fra1.yaml', 'daemon: bird', 'daemon: "bird']],
    [
      'sites/fra1.yaml:22:1 a quote, colon, comma or dash is missing\ncheck here, and above for an unclosed quote or bracket',
    ],
  ],
  [
    'an open bracket',
    [['fra1.yaml', 'services: [vpn]', 'services: [vpn']],
    [
      'sites/fra1.yaml:7:5 the indentation is inconsistent\nindent all entries of a map or list equally, and check above for an unclosed bracket',
    ],
  ],
  [
    'a missing colon',
    [['fra1.yaml', '    daemon: bird', '    daemon bird']],
    ['sites/fra1.yaml:4:5 a key spans more than one line\nlook for a missing colon on this line'],
  ],
  [
    'a space too few',
    [['fra1.yaml', '    daemon: bird', '   daemon: bird']],
    [
      'sites/fra1.yaml:4:4 this line is indented by 3 spaces, and the entries above it by 0 or 4\nindent it as the entry that it stands beside',
    ],
  ],
  [
    'a space too many',
    [['fra1.yaml', '    daemon: bird', '     daemon: bird']],
    [
      'sites/fra1.yaml:4:6 this line is indented by 5 spaces, and the entry above it, which has a value, by 4\nindent both equally',
    ],
  ],
  [
    'a key that is indented as the dash of its entry',
    [['fra1.yaml', '    daemon: bird', '  daemon: bird']],
    [
      'sites/fra1.yaml:4:3 this line is indented by 2 spaces, and the entries above it by 0 or 4\nindent it as the entry that it stands beside',
    ],
  ],
  [
    'a list that is moved to the margin without what is in it',
    [['fra1.yaml', '  - name: fra1-a', '- name: fra1-a']],
    [
      'sites/fra1.yaml:4:5 this line is indented by 4 spaces, and the entry above it, which has a value, by 2\nindent both equally',
    ],
  ],
  [
    'a key without a space after its colon',
    [['fra1.yaml', '    daemon: bird', '    daemon:bird']],
    ['sites/fra1.yaml:4:1 there is no space after the colon of a key\nwrite one, or put the value in quotes'],
  ],
  [
    'a value that begins with @',
    [['fra1.yaml', 'daemon: bird', 'daemon: @bird']],
    ['sites/fra1.yaml:4:13 a value cannot begin with this character\nput the value in quotes'],
  ],
  [
    'a map as a key',
    [['fra1.yaml', 'site: fra1\n', 'site: fra1\n? { a: 1 }\n: 2\n']],
    ['sites/fra1.yaml:2:3 a key is not a plain word\nput the value in quotes if it begins with {, [ or *'],
  ],
  [
    'deeply nested brackets',
    [
      [
        'fra1.yaml',
        'site: [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]\n',
      ],
    ],
    ['sites/fra1.yaml:1:39 is nested too deeply\nat most 32 levels are read'],
  ],
  [
    'a file with another one broken',
    [
      ['fra1.yaml', 'site: [fra1\n'],
      ['fleet.yaml', 'onStop: withdraw', 'onStop: stop'],
    ],
    [
      'sites/fleet.yaml:17:36 services.vpn.safety.onStop: "stop" is not withdraw or keep',
      'sites/fra1.yaml:2:1 the indentation is inconsistent\nindent all entries of a map or list equally, and check above for an unclosed bracket',
    ],
  ],
  ['no fleet.yaml', [['fleet.yaml', null]], ['fleet.yaml:1:1 there is no such file']],
  [
    'a control character in a value',
    [['fra1.yaml', 'description: Transit A', 'description: "Tr\u001b[2Jansit"']],
    ['sites/fra1.yaml:13:25 contains the control character "\\u001b"\nis this a text file?'],
  ],
  ['a %YAML directive of 1.1', [['fra1.yaml', 'site: fra1\n', '%YAML 1.1\n---\nsite: fra1\n']], []],
  [
    'an unknown directive',
    [['fra1.yaml', 'site: fra1\n', '%FOO bar\n---\nsite: fra1\n']],
    ['sites/fra1.yaml:1:1 a line that begins with % is not supported\nleave it out'],
  ],
  [
    'an invalid escape',
    [['fra1.yaml', 'description: Transit A', 'description: "Transit\\q"']],
    [
      'sites/fra1.yaml:13:30 a backslash in double quotes precedes a character that it cannot escape\nuse single quotes',
    ],
  ],
  [
    'two independent errors',
    [
      ['fra1.yaml', 'daemon: bird', 'daemon: @bird'],
      ['fra1.yaml', 'description: Transit A', 'description: `a`'],
    ],
    [
      'sites/fra1.yaml:4:13 a value cannot begin with this character\nput the value in quotes',
      'sites/fra1.yaml:13:22 a value cannot begin with this character\nput the value in quotes',
    ],
  ],
]

test.each(rows)('YAML that is broken or hostile: %s', (_name, edits, issues) => {
  expect(issuesAfter(edits)).toEqual(issues)
})

test('the base fleet itself has no issue', () => {
  expect(issuesAfter([])).toEqual([])
})
