import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

test('the generated messages are those of rpc.proto; otherwise run scripts/etcd/generate', () => {
  const proto = readFileSync('src/fleet/etcd/rpc.proto')
  const generated = readFileSync('src/fleet/etcd/rpc_pb.ts', 'utf8')
  expect(generated).toContain(`rpc.proto sha256 ${createHash('sha256').update(proto).digest('hex')}`)
})
