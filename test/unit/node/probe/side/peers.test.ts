import { describe, expect, it } from 'vitest'
import { readHandshakes } from '../../../../../src/node/probe/side/peers.ts'
import { PeersFall } from '../../../../../src/node/probe/side/peers-fall.ts'

const wallAtStartMs = 1_800_000_000_000
const options = { drop: 0.5, withinMs: 180_000, least: 20 }

/** A clock, and peers by the age of their handshakes. */
class Scene {
  readonly fall = new PeersFall(options)
  nowMs = 5_000
  wallMs = wallAtStartMs

  pass(ms: number): this {
    this.nowMs += ms
    this.wallMs += ms
    return this
  }

  /** That many peers with a handshake of that age, and one without a handshake. */
  count(peers: number, ageS = 60) {
    const atS = Math.floor(this.wallMs / 1000) - ageS
    const handshakesS = [...Array.from({ length: peers }, () => atS), 0]
    return this.fall.take({ nowMs: this.nowMs, wallMs: this.wallMs, handshakesS })
  }
}

describe('real peers', () => {
  it('that fell by less than `drop` are good', () => {
    const scene = new Scene()
    expect(scene.count(100)).toMatchObject({ outcome: 'good', fresh: 100 })
    expect(scene.pass(15_000).count(51)).toMatchObject({ outcome: 'good', before: 100 })
  })

  it('that fell by `drop` are bad', () => {
    const scene = new Scene()
    scene.count(100)
    expect(scene.pass(15_000).count(50)).toEqual({ outcome: 'bad', fresh: 50, before: 100 })
  })

  it('that were too few before are inconclusive', () => {
    const scene = new Scene()
    scene.count(19)
    expect(scene.pass(15_000).count(0)).toMatchObject({ outcome: 'good' })
    scene.pass(15_000).count(20)
    expect(scene.pass(15_000).count(0)).toMatchObject({ outcome: 'bad' })
  })

  it('may fall in several steps within the time', () => {
    const scene = new Scene()
    scene.count(100)
    for (const peers of [85, 70, 55]) {
      expect(scene.pass(15_000).count(peers)).toMatchObject({ outcome: 'good' })
    }
    expect(scene.pass(15_000).count(45)).toMatchObject({ outcome: 'bad' })
  })

  it('that come back are good at once, and a lower number becomes the new normal after a time', () => {
    const scene = new Scene()
    scene.count(100)
    scene.pass(15_000).count(0)
    expect(scene.pass(15_000).count(60)).toMatchObject({ outcome: 'good' })
    expect(scene.pass(15_000).count(10)).toMatchObject({ outcome: 'bad' })
    expect(scene.pass(options.withinMs - 15_000).count(10)).toMatchObject({ outcome: 'bad', before: 60 })
    expect(scene.pass(15_001).count(10)).toMatchObject({ outcome: 'good', before: 10 })
  })

  it('with handshakes older than 180 s are not fresh', () => {
    const scene = new Scene()
    expect(scene.count(30, 180)).toMatchObject({ fresh: 30 })
    expect(scene.count(30, 182)).toMatchObject({ fresh: 0 })
  })

  it.each([3_600_000, -3_600_000])(
    'are inconclusive for 180 s after the wall clock jumped by %i ms',
    (jumpMs) => {
      const scene = new Scene()
      scene.count(100)
      scene.wallMs += jumpMs
      expect(scene.pass(15_000).count(0)).toEqual({ outcome: 'clock-jumped', forMs: 180_000 })
      expect(scene.pass(100_000).count(0)).toMatchObject({ outcome: 'clock-jumped', forMs: 80_000 })
      expect(scene.pass(80_000).count(100)).toMatchObject({ outcome: 'good', before: 0 })
      expect(scene.pass(15_000).count(10)).toMatchObject({ outcome: 'bad' })
    },
  )

  it('count while the clock is slewed', () => {
    const scene = new Scene()
    scene.count(100)
    for (let step = 0; step < 20; step += 1) {
      scene.wallMs += 8
      expect(scene.pass(15_000).count(100).outcome).toBe('good')
    }
  })
})

describe('the output of wg show latest-handshakes', () => {
  it('is read without the peers of probes and without invalid lines', () => {
    const text = 'a=\t1800000000\nprobe=\t1800000001\nb=\t0\nfar=\t1800000002\nbroken\n\nc=\tnow\n'
    expect(readHandshakes(text, new Set(['probe=', 'far=']))).toEqual([1_800_000_000, 0])
  })
})
