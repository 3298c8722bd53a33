import type { ProbeSeries } from '../../control/page/page-state.ts'
import { milliseconds } from '../words.ts'
import { draw, height, width } from './plot-shape.ts'

/** The probe times of a check: the median as a line, smallest to largest as a band, bad probes as bars below. */
export function Plot({ series }: { series: ProbeSeries }) {
  const { top, line, band, bad, text } = draw(series)
  return (
    <div class="plot">
      <svg viewBox={`0 0 ${width} ${height}`} preserveAspectRatio="none" role="img" aria-label={text}>
        <path class="band" d={band} />
        <path class="line" d={line} />
        <path class="bad" d={bad} />
      </svg>
      <span class="scale" aria-hidden="true">
        {top === null ? 'no times' : milliseconds(top)}
      </span>
    </div>
  )
}
