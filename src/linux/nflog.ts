import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { getSystemErrorName } from 'node:util'
import { bindAnswers, bindRequests, NflogStream } from './nflog-messages.ts'
import { startProgram } from './run.ts'

interface NflogOptions {
  /** One process per group and network namespace. */
  readonly group: number
  /** Of each packet. */
  readonly copyBytes: number
  readonly signal: AbortSignal
  /** The group is this process's; packets follow from now on. */
  readonly onReady: () => void
  /** `payload` is valid during the call. */
  readonly onPacket: (prefix: string, payload: Uint8Array) => void
  readonly program?: string
}

/** Another process reads the group. */
export class GroupTakenError extends Error {
  override readonly name = 'GroupTakenError'
}

/**
 * Node has no netlink sockets. Perl has, and perl-base is essential on Debian: this passes bytes between its pipes and a
 * socket of NETLINK_NETFILTER (16: AF_NETLINK, 3: SOCK_RAW, 12), and ends with its input, however this process ends.
 */
const relay = String.raw`
use strict;
use warnings;
$0 = 'anyward: nflog';
socket my $netlink, 16, 3, 12 or die "socket: $!\n";
bind $netlink, pack('S x2 L2', 16, 0, 0) or die "bind: $!\n";
my $both = '';
vec($both, 0, 1) = vec($both, fileno $netlink, 1) = 1;
for (;;) {
  select my $ready = $both, undef, undef, undef;
  if (vec $ready, 0, 1) {
    sysread STDIN, my $requests, 65536 or exit;
    send $netlink, $requests, 0 or die "send: $!\n";
  }
  next if !vec $ready, fileno $netlink, 1;
  if (sysread $netlink, my $messages, 65536) {
    syswrite STDOUT, $messages or exit;
  } elsif (!$!{ENOBUFS} && !$!{EINTR}) {
    die "read: $!\n";
  }
}
`

const capNetAdmin = 1n << 12n

/** Of this process, and so of those that it starts (capabilities(7)). */
function hasNetAdmin(): boolean {
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'latin1'))
  return effective !== null && (BigInt(`0x${effective[1]}`) & capNetAdmin) !== 0n
}

/** No line of a program that fails is longer. */
const maxErrorBytes = 1024

/**
 * Reads an NFLOG group of this network namespace until the reader ends or `signal` aborts. Resolves with how it ended.
 * Throws GroupTakenError; RunError if the reader cannot start.
 */
export async function readNflog(options: NflogOptions): Promise<string> {
  const { group, copyBytes, signal, onReady, onPacket, program = 'perl' } = options
  const reader = await startProgram([program, '-e', relay])
  const end = () => void reader.kill('SIGKILL')
  if (signal.aborted) end()
  signal.addEventListener('abort', end, { once: true })
  process.once('exit', end)
  let words = ''
  let isTaken = false
  let answers = 0
  const fail = (reason: string) => {
    words ||= reason
    end()
  }
  const stream = new NflogStream((message) => {
    if (message.type === 'packet') onPacket(message.prefix, message.payload)
    else if (message.code === 0) {
      answers += 1
      if (answers === bindAnswers) onReady()
    } else {
      const error = getSystemErrorName(message.code)
      // The kernel answers EPERM also for a group of another process.
      isTaken = error === 'EBUSY' || (error === 'EPERM' && hasNetAdmin())
      fail(error === 'EPERM' ? 'not permitted: it needs CAP_NET_ADMIN' : error)
    }
  })
  reader.stdout.on('data', (chunk: Buffer) => {
    try {
      stream.push(chunk)
    } catch (error) {
      if (!(error instanceof RangeError)) throw error
      fail(error.message)
    }
  })
  reader.stderr.on('data', (chunk: Buffer) => {
    words = `${words}${chunk.toString('latin1')}`.slice(0, maxErrorBytes)
  })
  reader.stdin.on('error', () => {})
  reader.stdin.write(bindRequests(group, copyBytes))
  try {
    const [code, endedBy] = (await once(reader, 'close')) as [number | null, NodeJS.Signals | null]
    if (isTaken) throw new GroupTakenError(`another process reads NFLOG group ${group}`)
    return words.trim() || (endedBy ?? `exit code ${code}`)
  } finally {
    signal.removeEventListener('abort', end)
    process.removeListener('exit', end)
  }
}
