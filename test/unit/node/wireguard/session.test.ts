import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  ReplayWindow,
  rejectAfterMs,
  replayWindowSize,
  Session,
} from '../../../../src/node/wireguard/session.ts'

const send = Buffer.alloc(32, 1)
const receive = Buffer.alloc(32, 2)
const here = () => new Session({ localIndex: 10, remoteIndex: 20, send, receive }, 0)
const there = () => new Session({ localIndex: 20, remoteIndex: 10, send: receive, receive: send }, 0)

describe('a session', () => {
  it('opens at one end what was sealed at the other, padded to 16 bytes', () => {
    const packet = here().seal(Buffer.from('seventeen letters'))
    expect(packet.readUInt32LE(4)).toBe(20)
    expect(packet).toHaveLength(16 + 32 + 16)
    expect(there().open(packet)?.toString()).toBe(`seventeen letters${'\0'.repeat(15)}`)
  })

  it('makes a keepalive of 32 bytes from an empty packet', () => {
    const packet = here().seal(Buffer.alloc(0))
    expect(packet).toHaveLength(32)
    expect(there().open(packet)).toHaveLength(0)
  })

  it('opens a packet once', () => {
    const server = there()
    const packet = here().seal(Buffer.from('x'))
    expect(server.open(packet)).not.toBeNull()
    expect(server.open(packet)).toBeNull()
  })

  it('does not change after a forged counter', () => {
    const client = here()
    const server = there()
    const forged = Buffer.from(client.seal(Buffer.from('x')))
    forged.writeUInt32LE(0xffffff, 8)
    expect(server.open(forged)).toBeNull()
    forged.writeUInt32LE(0xffffffff, 12)
    expect(server.open(forged)).toBeNull()
    expect(server.open(client.seal(Buffer.from('y')))).not.toBeNull()
  })

  it('is not used at 180 seconds', () => {
    expect(here().isUsable(rejectAfterMs - 1)).toBe(true)
    expect(here().isUsable(rejectAfterMs)).toBe(false)
  })
})

describe('the replay window', () => {
  it('reports for every counter whether it was received, and counters before the window as old', () => {
    const counters = fc.array(
      fc.oneof(fc.integer({ min: 0, max: 3_000 }), fc.integer({ min: 0, max: 200_000 })),
      { maxLength: 200 },
    )
    fc.assert(
      fc.property(counters, (added) => {
        const window = new ReplayWindow()
        const model = new Set<number>()
        let greatest = -1
        for (const counter of added) {
          const isOld = greatest - counter >= replayWindowSize
          expect(window.has(counter), `${counter} after ${greatest}`).toBe(isOld || model.has(counter))
          if (isOld) continue
          window.add(counter)
          model.add(counter)
          greatest = Math.max(greatest, counter)
        }
      }),
    )
  })
})
