import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { readFeatures } from '../versions/versions.mjs'

export const laneFolders = ['test/e2e', 'test/proof']
const ENTER = ['unshare', '--mount', '--net', '--pid', '--fork', '--kill-child', '--mount-proc']
// Labs, wireguard-go and `ip netns` have one folder each for the whole machine, and FRR names its crash logs'
// folders after process ids, of which each lane has its own 1, 2, 3. The shell does not become the command, because
// process 1 has to reap the daemons that their parents leave.
const FURNISH = `
mkdir -p /var/tmp/frr && mount -t tmpfs tmpfs /run && mount -t tmpfs tmpfs /var/tmp/frr &&
mkdir /run/netns /run/wireguard && ip link set lo up || exit 1
"$@"
exit $?
`

/**
 * @typedef {{ file: string, bird: '2' | '3' | null }} Job
 *   `bird`: in the root of Debian 13, with this BIRD; `null`: here.
 */

/**
 * What a run with this machine's daemons tests with those of Debian 13 too, so that a change for one version does not break another:
 * the filters, the parsers' verdict, apply, and the control of each daemon. `scripts/test --debian 13` runs the rest.
 *
 * @type {readonly Job[]}
 */
const debianPart = [
  { file: 'test/golden/bundles.test.ts', bird: '3' },
  { file: 'test/proof/neighbors.test.ts', bird: '3' },
  { file: 'test/e2e/apply/apply-bird.test.ts', bird: '2' },
  { file: 'test/e2e/apply/apply-frr.test.ts', bird: '3' },
  { file: 'test/e2e/routing/late-answers.test.ts', bird: '3' },
  { file: 'test/e2e/routing/routing-bird.test.ts', bird: '3' },
  { file: 'test/e2e/routing/routing-frr.test.ts', bird: '2' },
  { file: 'test/e2e/sessions/route-server.test.ts', bird: '2' },
]

/**
 * The test files that have a lane each; first those that took the longest when last measured.
 *
 * @param {boolean} onlyDaemons only what the version of the routing daemons can change
 * @returns {Job[]}
 */
export function listJobs(onlyDaemons) {
  const known = JSON.parse(readFileSync(new URL('seconds.json', import.meta.url), 'utf8'))
  const secondsOf = ({ file }) => known.seconds[file] ?? known.unknown
  const here = laneFolders
    .flatMap((folder) => readdirSync(folder, { recursive: true }).map((name) => join(folder, name)))
    .filter((file) => file.endsWith('.test.ts') && (!onlyDaemons || needsDaemons(file)))
    .map((file) => ({ file, bird: null }))
  return [...here, ...(onlyDaemons ? [] : debianPart)].sort((a, b) => secondsOf(b) - secondsOf(a))
}

/** Also the version of etcd can change these. */
const fleetFolders = ['test/e2e/fleet/', 'test/e2e/rollout/', 'test/e2e/rescue/']

/**
 * Whether a file tests what the version of the routing daemons or of etcd can change: a feature of docs/versions.md, or a fleet.
 *
 * @param {string} file
 */
function needsDaemons(file) {
  if (fleetFolders.some((folder) => file.startsWith(folder))) return true
  return readFeatures().some(({ bird = [], frr = [] }) =>
    [bird, frr].flat().some((proof) => proof.split(' -t ')[0] === file),
  )
}

/** The number of concurrent lanes. A test mostly waits, so a core has more than one. */
export function countLanes() {
  const wanted = Number(process.env.ANYWARD_TEST_LANES)
  return wanted >= 1 ? Math.floor(wanted) : Math.min(availableParallelism() + 1, 6)
}

/** `null` where lanes are possible, otherwise the reason. */
export function findObstacle() {
  const { status, stderr, error } = spawnSync(ENTER[0], [
    ...ENTER.slice(1),
    'sh',
    '-c',
    FURNISH,
    'sh',
    'true',
  ])
  return status === 0 ? null : (error?.message ?? stderr.toString().trim())
}

/**
 * A command in namespaces of its own: what it starts ends with it.
 *
 * @param {string} leftovers the file for what it left behind
 * @param {string[]} argv
 * @param {Job['bird']} [bird]
 * @returns {string[]}
 */
export function inLane(leftovers, argv, bird = null) {
  const [enter, node] =
    bird === null
      ? [[...ENTER, 'sh', '-c', FURNISH, 'sh'], process.execPath]
      : [['scripts/testing/in-debian', bird], 'node']
  return [...enter, node, 'scripts/testing/lane.mjs', leftovers, ...argv]
}

/**
 * @template Job
 * @param {Job[]} jobs
 * @param {number} lanes
 * @param {(job: Job) => Promise<void>} run
 */
export async function shareOut(jobs, lanes, run) {
  const queue = [...jobs]
  const work = async () => {
    for (let job = queue.shift(); job !== undefined; job = queue.shift()) await run(job)
  }
  await Promise.all(Array.from({ length: lanes }, work))
}
