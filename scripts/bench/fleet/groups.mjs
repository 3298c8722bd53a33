import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/** Of the sites that only make load; each process has its own core. */
const processes = 2

/** The sites of one size: one with the product's client, in a process of its own, and light ones. */
export function startGroups({ sites, ...settings }) {
  const one = startGroup('site.mjs', 1, { ...settings, number: 0 })
  const light = sites - 1
  const bounds = Array.from({ length: processes + 1 }, (_, part) => Math.floor((light * part) / processes))
  const groups = bounds.slice(1).flatMap((end, part) => {
    const [first, count] = [1 + bounds[part], end - bounds[part]]
    return count === 0 ? [] : [startGroup('light-sites.mjs', count, { ...settings, first, count })]
  })
  return { one, light: groups, all: [one, ...groups] }
}

function startGroup(file, count, settings) {
  const child = fork(fileURLToPath(new URL(file, import.meta.url)), [JSON.stringify(settings)])
  const waiting = new Set()
  const group = { child, count, joined: 0 }
  child.on('message', (message) => {
    if (message.joined !== undefined) group.joined = message.joined
    for (const one of waiting) {
      if (!one.fits(message)) continue
      waiting.delete(one)
      one.resolve(message)
    }
  })
  const next = (fits) => new Promise((resolve) => waiting.add({ fits, resolve }))
  return Object.assign(group, {
    next,
    begin: () => child.send('begin'),
    ask: async () => {
      const reply = next((message) => 'failures' in message)
      child.send('ask')
      return reply
    },
  })
}
