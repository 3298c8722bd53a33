import { RunError, runForOutput } from '../../linux/run.ts'
import { type Target, TransportError } from '../transport.ts'
import { quoteCommand } from './quote.ts'

export interface Reply {
  /** Of the program on the node. */
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

export interface Call {
  readonly timeoutMs: number
  readonly input?: string | Uint8Array
  readonly limitBytes?: number
}

/** Runs programs on a node as root. Throws TransportError if the node does not run it, or cuts off its reply. */
export type NodeShell = (target: Target, argv: readonly string[], call: Call) => Promise<Reply>

/** More than any of the commands prints that do not say otherwise. */
const mostBytes = 4 * 2 ** 20

/**
 * The output goes to files first: a program whose connection is cut continues to its end, instead of failing at its next
 * output. The last line distinguishes the program's exit code from a failure of the connection.
 */
const wrapper = `as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n -- "$@"; fi; }
t=$(mktemp -d) || exit 70
as_root "$@" >"$t/out" 2>"$t/err"
c=$?
cat "$t/out"
cat "$t/err" >&2
rm -rf "$t"
printf '\\nexit %d\\n' "$c"`

/** Nothing may ask a question, and nothing may wait for ever. Everything else is ssh_config's. */
const sshOptions = [
  '-T',
  ...['BatchMode=yes', 'ConnectTimeout=10', 'ServerAliveInterval=5', 'ServerAliveCountMax=4'].flatMap(
    (option) => ['-o', option],
  ),
]

/** By the engineer's own ssh. */
export const sshShell: NodeShell = ({ node, host }, argv, call) =>
  callShell(
    ['ssh', ...sshOptions, '--', host, quoteCommand(['sh', '-c', wrapper, 'sh', ...argv])],
    host === node ? node : `${node} (ssh ${host})`,
    call,
    '`ssh NODE true` has to work without a question. Another name than that of the node is written as `ssh` in its site’s file; address, user and jump hosts are in ssh_config (docs/rollouts.md)',
  )

/** In namespaces of this machine: `enter` is the command that becomes a program there. */
export function createLocalShell(
  enter: (node: string, argv: readonly string[]) => readonly [string, ...string[]],
): NodeShell {
  return ({ node }, argv, call) => callShell(enter(node, ['sh', '-c', wrapper, 'sh', ...argv]), node, call)
}

async function callShell(
  argv: readonly [string, ...string[]],
  where: string,
  { timeoutMs, input, limitBytes = mostBytes }: Call,
  cure: string | null = null,
): Promise<Reply> {
  const output = await runForOutput(argv, { timeoutMs, input, limitBytes }).catch((error: unknown) => {
    if (!(error instanceof RunError)) throw error
    throw new TransportError(`${where} cannot be reached: ${lastLine(error.words)}`, { cause: error, cure })
  })
  const [end, code] = /\nexit (\d{1,3})\n$/.exec(output.stdout) ?? []
  if (end === undefined) throw new TransportError(`${where} cut off its reply`)
  return { code: Number(code), stdout: output.stdout.slice(0, -end.length), stderr: output.stderr }
}

/** The last line with text, as much of it as a message has room for, and without what a terminal would obey. */
export function lastLine(text: string): string {
  const lines = text.split('\n').map((line) => line.trim())
  const line = lines.filter((one) => one !== '').at(-1) ?? 'no message'
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the pattern replaces control characters
  return line.replace(/[\0-\x1f\x7f-\x9f\u2028\u2029]+/g, ' ').slice(0, 300)
}
