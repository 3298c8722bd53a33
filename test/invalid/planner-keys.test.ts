import { expect, test } from 'vitest'
import { type Edit, issuesAfter } from './base.ts'

const key = 'AAAAC3NzaC1lZDI1NTE5AAAAIAPAORbqbNMyUXh8a1vs2ZOZxfkKvxNT/FI2EeNiknnD'
const hint =
  'write the line of its .pub file: ssh-ed25519, the key and a comment of letters, digits, spaces and . , : ( ) _ / @ + = -'
const keys = (...lines: string[]): Edit[] => [
  ['fleet.yaml', 'rpki:\n', `planner: { keys: ${JSON.stringify(lines)} }\nrpki:\n`],
]

test.each([
  ['a file', '/etc/anyward/planner.pub', 'is not an Ed25519 public key of OpenSSH (it is not shown)', hint],
  ['a key without its type', key, 'is not an Ed25519 public key of OpenSSH (it is not shown)', hint],
  [
    'a truncated key',
    `ssh-ed25519 ${key.slice(1)}`,
    'is not an Ed25519 public key of OpenSSH (it is not shown)',
    hint,
  ],
  [
    'a key of another type under this name',
    `ssh-ed25519 ${key.replace('AAAAC3', 'AAAAB3')}`,
    'is not an Ed25519 public key of OpenSSH (it is not shown)',
    hint,
  ],
  [
    'a comment with quotes',
    `ssh-ed25519 ${key} "planner"`,
    'is not an Ed25519 public key of OpenSSH (it is not shown)',
    hint,
  ],
  [
    'a private key',
    '-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEA\n-----END OPENSSH PRIVATE KEY-----\n',
    'is a private key (it is not shown)',
    `make a new one, and ${hint}`,
  ],
  [
    'an RSA key',
    'ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABgQ planner',
    'is a key of type ssh-rsa',
    'make an Ed25519 key: ssh-keygen -t ed25519 -f planner',
  ],
  [
    'a key of a hardware token',
    'sk-ssh-ed25519@openssh.com AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29t planner',
    'is a key of type sk-ssh-ed25519@openssh.com',
    'make an Ed25519 key: ssh-keygen -t ed25519 -f planner',
  ],
])('planner.keys: %s is refused, and not shown', (_name, line, message, cure) => {
  expect(issuesAfter(keys(line))).toEqual([`sites/fleet.yaml:18:19 planner.keys[0]: ${message}\n${cure}`])
})

test('planner.keys: a key twice is refused, also with another comment', () => {
  expect(issuesAfter(keys(`ssh-ed25519 ${key} one`, `ssh-ed25519 ${key}`))).toEqual([
    `sites/fleet.yaml:18:106 planner.keys[1]: ${key} is in this list twice\nkeep one of the two`,
  ])
})

test('planner.keys: the line of a .pub file is valid, with its comment, without one, and with its line feed', () => {
  expect(issuesAfter(keys(`ssh-ed25519 ${key} planner@noc.example (2026)\n`))).toEqual([])
  expect(issuesAfter(keys(`ssh-ed25519 ${key}`))).toEqual([])
})
