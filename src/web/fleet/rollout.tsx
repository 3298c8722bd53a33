import { useEffect, useState } from 'preact/hooks'
import type { RolloutAnswer, RolloutWaveStatus } from '../../control/rollout-status.ts'
import { askRollout } from '../follow.ts'
import { Code, Mark, Scroll, ShowAll } from '../marks.tsx'
import { lasting } from '../words.ts'
import { RolloutOrders } from './rollout-orders.tsx'
import { describeCounts, isRecent, judgeRollout, levelOfNode, levelOfWave } from './rollout-verdict.ts'

const everyMs = 2000
const fewNodes = 20

/** How far the rollout is, by what its engine has written. */
export function Rollout({ now }: { now: string }) {
  const [answer, setAnswer] = useState<RolloutAnswer | null>(null)
  useEffect(() => {
    let isOpen = true
    const ask = async () => {
      const found = await askRollout().catch(
        (error: unknown): RolloutAnswer => ({
          ...{ rollout: null, isDriven: null },
          problem: error instanceof Error ? error.message : String(error),
        }),
      )
      if (!isOpen) return
      setAnswer(found)
      timer = setTimeout(() => void ask(), everyMs)
    }
    let timer = setTimeout(() => void ask(), 0)
    return () => {
      isOpen = false
      clearTimeout(timer)
    }
  }, [])
  if (answer === null) return null
  return <RolloutView answer={answer} now={now} />
}

function RolloutView({ answer, now }: { answer: RolloutAnswer; now: string }) {
  const { rollout, problem } = answer
  const verdict = judgeRollout(answer, now)
  if (verdict === null || rollout === null) {
    return problem === null ? null : <p>The rollout is not known: {problem}</p>
  }
  if (!isRecent(rollout, now)) return null
  return (
    <section aria-labelledby="rollout">
      <h2 id="rollout">Rollout</h2>
      <p role="status">
        <Mark level={verdict.level} /> {verdict.sentence}.
      </p>
      {verdict.lasts !== null && <p>For {verdict.lasts}.</p>}
      {verdict.hints.map((hint) => (
        <p key={hint}>
          <Code text={hint} />
        </p>
      ))}
      {answer.orders === true && <RolloutOrders rollout={rollout} isDriven={answer.isDriven} />}
      <ol class="waves">
        {rollout.waves.map((wave) => (
          <li key={wave.name}>
            <Wave wave={wave} now={now} isOpen={!['done', 'waiting'].includes(wave.state)} />
          </li>
        ))}
      </ol>
      <small>a node is done when its gates were open for {lasting(rollout.soakMs)}</small>
    </section>
  )
}

function Wave({ wave, now, isOpen }: { wave: RolloutWaveStatus; now: string; isOpen: boolean }) {
  const [hasAll, setAll] = useState(false)
  const shown = hasAll ? wave.nodes : wave.nodes.slice(0, fewNodes)
  return (
    <details open={isOpen}>
      <summary>
        <Mark level={levelOfWave(wave.state)} /> {wave.name}: {wave.state}, {describeCounts(wave.counts)}
      </summary>
      <Scroll label={`the nodes of ${wave.name}`}>
        <table>
          <thead>
            <tr>
              <th scope="col">node</th>
              <th scope="col">site</th>
              <th scope="col">state</th>
              <th scope="col">gate</th>
              <th scope="col">for</th>
            </tr>
          </thead>
          <tbody>
            {shown.map(({ node, site, state, detail, since }) => (
              <tr key={node}>
                <th scope="row">{node}</th>
                <td>{site}</td>
                <td>
                  <Mark level={levelOfNode(state)} /> {state}
                </td>
                <td class="wide">{detail}</td>
                <td>{since !== null && lasting(Date.parse(now) - Date.parse(since))}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
      <ShowAll shown={shown.length} all={wave.nodes.length} onShow={() => setAll(true)} />
    </details>
  )
}
