import { useState } from 'preact/hooks'
import { Mark, Scroll, ShowAll } from '../marks.tsx'
import type { ServiceTakeover } from './takeover.ts'

/** Those that matter come first. */
const mostRows = 10

/** What remains of each service if a site goes. */
export function Takeovers({ takeovers }: { takeovers: readonly ServiceTakeover[] }) {
  const [hasAll, setAll] = useState(false)
  if (takeovers.length === 0) return null
  const all = takeovers.flatMap(({ sites }) => sites)
  const shown = hasAll ? all : all.slice(0, mostRows)
  return (
    <section aria-labelledby="takeovers">
      <h2 id="takeovers">If a site goes</h2>
      <ul class="plain">
        {takeovers.map(({ service, level, sentence }) => (
          <li key={service}>
            <Mark level={level} /> {sentence}.
          </li>
        ))}
      </ul>
      {all.length > 0 && (
        <Scroll label="If a site goes">
          <table>
            <thead>
              <tr>
                <th scope="col">if this site goes</th>
                {takeovers.length > 1 && <th scope="col">service</th>}
                <th scope="col">still announced at</th>
                <th scope="col">and degraded at</th>
                <th scope="col">may it withdraw now?</th>
                <th scope="col">and another after it?</th>
              </tr>
            </thead>
            <tbody>
              {shown.map(({ service, site, level, normal, degraded, itself, another }) => (
                <tr key={`${site} ${service}`}>
                  <th scope="row">
                    <Mark level={level} /> {site}
                  </th>
                  {takeovers.length > 1 && <td>{service}</td>}
                  <td>{normal}</td>
                  <td>{degraded}</td>
                  <td>{itself}</td>
                  <td>{another}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </Scroll>
      )}
      <ShowAll shown={shown.length} all={all.length} onShow={() => setAll(true)} />
      <small>
        Routing decides to which of these sites a client comes. A refused site stays announced, degraded.
      </small>
    </section>
  )
}
