import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { describe, expect, it } from 'vitest'
import { Deadline } from '../../../../src/node/wireguard/deadline.ts'

const over = (deadline: Deadline) => new Promise<void>((resolve) => deadline.whenOver(resolve))

function blockLoop(ms: number): void {
  const end = performance.now() + ms
  while (performance.now() < end);
}

describe('a deadline', () => {
  it('expires when its time is over, not before', async () => {
    const startedAt = performance.now()
    const deadline = new Deadline(60)
    await over(deadline)
    expect(performance.now() - startedAt).toBeGreaterThan(57)
    expect(deadline.isOver).toBe(true)
    expect(deadline.remainingMs).toBe(0)
  })

  it('does not expire after it was cancelled', async () => {
    const cancelled = new Deadline(20)
    let calls = 0
    cancelled.whenOver(() => {
      calls += 1
    })
    cancelled.cancel()
    await over(new Deadline(60))
    expect(calls).toBe(0)
    expect(cancelled.isOver).toBe(false)
  })

  it('that has expired ends a later call at once', async () => {
    const deadline = new Deadline(20)
    await over(deadline)
    await over(deadline)
    let calls = 0
    deadline.whenOver(() => {
      calls += 1
    })()
    await over(deadline)
    expect(calls).toBe(0)
  })

  it('lets a reply be read that was in the socket when a late timer fired', async () => {
    const receiver = createSocket('udp4').bind(0, '127.0.0.1')
    const sender = createSocket('udp4')
    await once(receiver, 'listening')
    const events: string[] = []
    receiver.on('message', () => events.push('reply'))
    const deadline = new Deadline(100)
    const ended = over(deadline).then(() => events.push('deadline'))
    sender.send('x', receiver.address().port, '127.0.0.1')
    blockLoop(200)
    await ended
    expect(events).toEqual(['reply', 'deadline'])
    expect(deadline.isStarved).toBe(true)
    receiver.close()
    sender.close()
  })

  it('detects a stall before its end, although its own timer was on time', async () => {
    const deadline = new Deadline(200)
    const ended = over(deadline)
    await over(new Deadline(20))
    blockLoop(150)
    await ended
    expect(deadline.stalledMs).toBeGreaterThan(100)
    expect(deadline.isStarved).toBe(true)
  })
})
