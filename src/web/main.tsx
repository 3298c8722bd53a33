import { render } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { Fleet } from './fleet/fleet.tsx'
import { Views } from './marks.tsx'
import { NodePage } from './node/node-page.tsx'

function Page() {
  const [isFleet, setFleet] = useState(location.hash === '#fleet')
  useEffect(() => {
    const look = () => setFleet(location.hash === '#fleet')
    addEventListener('hashchange', look)
    return () => removeEventListener('hashchange', look)
  }, [])
  if (!isFleet) return <NodePage />
  return (
    <>
      <header>
        <h1>The fleet</h1>
      </header>
      <Views isFleet />
      <main>
        <Fleet />
      </main>
    </>
  )
}

render(<Page />, document.body)
