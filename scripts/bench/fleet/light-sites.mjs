/**
 * Sites that send what the client of a site sends, and get what it gets, but do not read it: so a thousand fit on a small
 * machine. Only the first read of everything is missing. The first argument is JSON, see `settings`. Over IPC it prints when
 * all take part, and for each value of the watched key, when the last of them has got it.
 */
import { randomUUID } from 'node:crypto'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { create, toBinary } from '@bufbuild/protobuf'
import { frame, Grpc } from './grpc.mjs'
import { reportOf } from './report-of.mjs'

const load = (path) => import(new URL(`../../../dist/${path}`, import.meta.url))
const { rangeOf, readRequest, transactRequest } = await load('fleet/etcd/requests.js')
const { TxnRequestSchema, WatchRequestSchema } = await load('fleet/etcd/rpc_pb.js')
const { first, count, endpoints, credentials, times, watched } = JSON.parse(process.argv[2])

const retryMs = 1000
const prefixes = ['state/', 'permit/', 'status/']
const request = (of, value) =>
  toBinary(WatchRequestSchema, create(WatchRequestSchema, { requestUnion: { case: of, value } }))
const readOfBeats = toBinary(TxnRequestSchema, readRequest([{ prefix: 'beat/' }]))
const question = frame(request('progressRequest', {}))
const marker = Buffer.from(watched)
const delays = monitorEventLoopDelay()
delays.enable()

let failures = 0
let joined = 0
const seenBy = new Map()
for (let at = 0; at < count; at += 1) {
  // As of nodes that have started at some time: their beats are spread.
  setTimeout(() => void startSite(first + at), (times.beatEveryMs * at) / count)
}

async function startSite(number) {
  const [site, node] = [`s${number}`, `s${number}-a`]
  const grpc = await Grpc.connect(endpoints[number % endpoints.length], credentials, () => {
    failures += 1
  })
  const transact = (compares, writes) =>
    grpc.call('/etcdserverpb.KV/Txn', toBinary(TxnRequestSchema, transactRequest({ compares, writes })))
  /** Again where a member ends it, as when it has no leader. */
  const watch = (prefix, onMessage) => {
    if (!grpc.isOpen) return
    const stream = grpc.open('/etcdserverpb.Watch/Watch', onMessage)
    stream.write(frame(request('createRequest', rangeOf({ prefix }))))
    const questions = setInterval(() => stream.write(question), times.beatEveryMs)
    stream.on('close', () => {
      clearInterval(questions)
      setTimeout(watch, retryMs, prefix, onMessage)
    })
  }
  let answers = 0
  for (const prefix of prefixes) {
    let isNew = true
    watch(prefix, (message) => {
      if (isNew) answers += 1
      if (isNew && answers === prefixes.length) join()
      isNew = false
      if (prefix === 'state/' && message.includes(marker)) see(valueIn(message))
    })
  }
  if (times.readBeatsEveryMs === null) watch('beat/', () => {})
  else setInterval(() => grpc.call('/etcdserverpb.KV/Txn', readOfBeats), times.readBeatsEveryMs)

  const entry = {
    key: `state/${site}/${node}/vpn`,
    value: JSON.stringify({ well: true, nonce: randomUUID() }),
  }
  transact([], [entry])
  let beat = Date.now()
  setInterval(() => {
    beat += 1
    const value = JSON.stringify({ number: beat, well: ['vpn'] })
    transact([entry], [{ key: `beat/${site}/${node}`, value }])
  }, times.beatEveryMs)
  const say = () => transact([], [{ key: `status/${site}/${node}`, value: JSON.stringify(reportOf()) }])
  // The intervals are too long to wait for all of them: they begin at any moment.
  setTimeout(() => {
    say()
    setInterval(say, times.statusEveryMs)
  }, Math.random() * times.statusEveryMs)
}

function join() {
  joined += 1
  process.send({ joined })
}

/** The value is a UUID after the key. */
function valueIn(message) {
  const text = message.toString('latin1', message.indexOf(marker))
  return /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/.exec(text)?.[0]
}

function see(value) {
  const seen = (seenBy.get(value) ?? 0) + 1
  seenBy.set(value, seen)
  if (seen === count) process.send({ value, atMs: performance.timeOrigin + performance.now() })
}

process.on('message', (message) => {
  if (message === 'begin') delays.reset()
  else process.send({ failures, lateMs: delays.max / 1e6 })
})
process.on('disconnect', () => process.exit())
