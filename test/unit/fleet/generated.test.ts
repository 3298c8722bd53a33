import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

test.for(['etcd/rpc', 'roster/roster'])(
  'the generated messages are those of %s.proto; otherwise run scripts/etcd/generate',
  (name) => {
    const proto = readFileSync(`src/fleet/${name}.proto`)
    const generated = readFileSync(`src/fleet/${name}_pb.ts`, 'utf8')
    expect(generated).toContain(`.proto sha256 ${createHash('sha256').update(proto).digest('hex')}`)
  },
)
