/** The probe times of one check: a value for each of the last seconds. */
interface Series {
  readonly service: string
  readonly check: string
  /** The second that a place in the arrays holds, since 1970. */
  readonly second: Uint32Array
  readonly min: Float32Array
  readonly median: Float32Array
  readonly max: Float32Array
  readonly bad: Uint8Array
  /** The times of the newest second, ascending. */
  present: number[]
}

/** As in `ProbeSeries` of control/page. */
interface ReadSeries {
  readonly service: string
  readonly check: string
  readonly min: (number | null)[]
  readonly median: (number | null)[]
  readonly max: (number | null)[]
  readonly bad: number[]
}

/** More of a second do not change its median. */
const mostTimes = 64

/** The last probe times by service and check, in a fixed amount of memory: 17 bytes a second and check. */
export class ProbeHistory {
  readonly #seconds: number
  readonly #series = new Map<string, Series>()

  constructor(seconds: number) {
    this.#seconds = seconds
  }

  /** @param wallMs milliseconds since 1970 */
  addTime(service: string, check: string, tookMs: number, wallMs: number): void {
    const series = this.#seriesOf(service, check)
    const place = this.#placeOf(series, wallMs)
    const { present } = series
    if (present.length < mostTimes) {
      const behind = present.findIndex((time) => time > tookMs)
      present.splice(behind === -1 ? present.length : behind, 0, tookMs)
      series.median[place] = present[present.length >> 1]!
    }
    series.min[place] = Number.isNaN(series.min[place]) ? tookMs : Math.min(series.min[place]!, tookMs)
    series.max[place] = Number.isNaN(series.max[place]) ? tookMs : Math.max(series.max[place]!, tookMs)
  }

  addBad(service: string, check: string, wallMs: number): void {
    const series = this.#seriesOf(service, check)
    const place = this.#placeOf(series, wallMs)
    series.bad[place] = Math.min(255, series.bad[place]! + 1)
  }

  /** The seconds up to `wallMs`, `count` of them, of each check. */
  *read(wallMs: number, count = this.#seconds): Generator<ReadSeries> {
    const from = this.firstSecond(wallMs, count)
    const seconds = Array.from({ length: count }, (_, at) => from + at)
    for (const series of this.#series.values()) {
      const places = seconds.map((second) => {
        const place = second % this.#seconds
        return series.second[place] === second ? place : null
      })
      const { service, check } = series
      yield {
        ...{ service, check },
        min: places.map((place) => timeOf(series.min, place)),
        median: places.map((place) => timeOf(series.median, place)),
        max: places.map((place) => timeOf(series.max, place)),
        bad: places.map((place) => (place === null ? 0 : series.bad[place]!)),
      }
    }
  }

  firstSecond(wallMs: number, count = this.#seconds): number {
    return secondOf(wallMs) - count + 1
  }

  #seriesOf(service: string, check: string): Series {
    const key = `${service} ${check}`
    const known = this.#series.get(key)
    if (known !== undefined) return known
    const size = this.#seconds
    const series: Series = {
      ...{ service, check, present: [] },
      second: new Uint32Array(size),
      min: new Float32Array(size),
      median: new Float32Array(size),
      max: new Float32Array(size),
      bad: new Uint8Array(size),
    }
    this.#series.set(key, series)
    return series
  }

  /** The place of that second, which is empty if it begins. */
  #placeOf(series: Series, wallMs: number): number {
    const second = secondOf(wallMs)
    const place = second % this.#seconds
    if (series.second[place] !== second) {
      series.second[place] = second
      for (const times of [series.min, series.median, series.max]) times[place] = Number.NaN
      series.bad[place] = 0
      series.present = []
    }
    return place
  }
}

function secondOf(wallMs: number): number {
  return Math.floor(wallMs / 1000)
}

/** In hundredths of a millisecond. */
function timeOf(times: Float32Array, place: number | null): number | null {
  if (place === null || Number.isNaN(times[place])) return null
  return Math.round(times[place]! * 100) / 100
}
