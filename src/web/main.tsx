import { render } from 'preact'
import { useEffect, useErrorBoundary, useState } from 'preact/hooks'
import { Fleet } from './fleet/fleet.tsx'
import { Views } from './marks.tsx'
import { NodePage } from './node/node-page.tsx'

/** At the planner, which is no node. */
const isFleetOnly = document.body.dataset.view === 'fleet'

function isFleetWanted(): boolean {
  return isFleetOnly || location.hash === '#fleet'
}

function Page() {
  // Without it, the last state would stay, and look as if it were the present one.
  const [error] = useErrorBoundary()
  const [isFleet, setFleet] = useState(isFleetWanted)
  useEffect(() => {
    const look = () => setFleet(isFleetWanted())
    addEventListener('hashchange', look)
    return () => removeEventListener('hashchange', look)
  }, [])
  if (error !== undefined) return <Broken error={error} />
  if (!isFleet) return <NodePage />
  return (
    <>
      <header>
        <h1>The fleet</h1>
      </header>
      {!isFleetOnly && <Views isFleet />}
      <main>
        <Fleet />
      </main>
    </>
  )
}

/** Such as the page of one version with the controller of the next. */
function Broken({ error }: { error: unknown }) {
  document.title = '? this page cannot show the state'
  return (
    <main>
      <h1>Anyward</h1>
      <p role="alert">
        This page cannot show what the controller says ({String(error)}), perhaps because it is of another
        version: <a href="/">load it again</a>. On the node: <code>anyward status</code>
      </p>
    </main>
  )
}

render(<Page />, document.body)
