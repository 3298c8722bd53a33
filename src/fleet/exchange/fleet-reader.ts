import type { Clock } from '../../clock/clock.ts'
import type { ReadOutcome, Selection, Store, Watch } from '../store.ts'
import { Beats } from './beats.ts'
import { Contact } from './contact.ts'
import type { FleetSnapshot, MemberTimes } from './fleet-member.ts'
import { FleetView } from './fleet-view.ts'
import { followBeats } from './follow-beats.ts'
import { type NodeName, permitPrefix } from './keys.ts'
import { type FleetChanges, Timeline } from './timeline/timeline.ts'
import { WatchedValues } from './watched-values.ts'

interface FleetReaderOptions {
  readonly store: Store
  readonly clock: Clock
  /** The name under which it notes that the store does not answer. */
  readonly self: NodeName
  readonly times: Pick<MemberTimes, 'beatEveryMs' | 'callWithinMs' | 'staleAfterMs' | 'statusEveryMs'>
}

/** Sees the fleet in the store as a node does, and writes nothing. */
export class FleetReader {
  readonly #beats: Beats
  readonly #contact: Contact
  readonly #registers: WatchedValues
  readonly #timeline: Timeline
  readonly #view: FleetView
  readonly #watch: Watch

  constructor({ store, clock, self, times }: FleetReaderOptions) {
    const { beatEveryMs, callWithinMs, staleAfterMs, statusEveryMs } = times
    this.#beats = new Beats(staleAfterMs)
    this.#contact = new Contact(clock)
    this.#registers = new WatchedValues(store, permitPrefix)
    this.#timeline = new Timeline(clock, self, staleAfterMs)
    this.#view = new FleetView({
      ...{ store, clock, beats: this.#beats, registers: this.#registers },
      ...{ statusEveryMs, timeline: this.#timeline },
    })
    const read = async (selection: readonly Selection[], withinMs: number): Promise<ReadOutcome> => {
      const outcome = await store.read(selection, withinMs)
      this.#contact.note(outcome.outcome === 'read' ? null : outcome.message)
      this.#timeline.look({
        ok: this.#contact.state.ok,
        beats: this.#beats.list(clock.now()),
        registers: this.#registers.current,
      })
      return outcome
    }
    // It reads them, also of few nodes: so it knows whether the store answers.
    this.#watch = followBeats(this.#beats, { read, watch: () => ({ close: () => {} }) }, clock, {
      times: { readBeatsEveryMs: beatEveryMs, callWithinMs },
      onFailure: () => {},
    })
  }

  look(): FleetSnapshot {
    const { count: changes } = this.#timeline
    return {
      ...{ store: this.#contact.state, nodes: this.#view.nodes(), permits: this.#view.permits(), changes },
    }
  }

  changes(): FleetChanges {
    return this.#timeline.describe()
  }

  close(): void {
    this.#watch.close()
    this.#registers.close()
    this.#view.close()
  }
}
