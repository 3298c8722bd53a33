import { authorization, forgetToken, TokenNeeded } from './token.ts'

const askTimeoutMs = 3000
/** A change is carried out, and verified, before the answer. */
const orderTimeoutMs = 15_000

type Request = Omit<RequestInit, 'headers'> & { headers?: Record<string, string> }

/** Throws an error for a person. */
export async function ask<T>(path: string): Promise<T> {
  const answer = await send(path, { signal: AbortSignal.timeout(askTimeoutMs) }, askTimeoutMs)
  return (await answer.json()) as T
}

/** Sends an order with the token that is kept. Throws an error for a person. */
export async function order<T>(path: string, body: unknown): Promise<T> {
  const request = {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(orderTimeoutMs),
  }
  return (await (await send(path, request, orderTimeoutMs)).json()) as T
}

/** Reads server-sent events, each of which is one line of JSON, until they end or the signal. Throws an error for a person. */
export async function readStream(
  path: string,
  onMessage: (data: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const { body } = await send(path, { signal }, askTimeoutMs)
  const reader = body!.pipeThrough(new TextDecoderStream()).getReader()
  let rest = ''
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    const messages = (rest + part.value).split('\n\n')
    rest = messages.pop()!
    for (const message of messages) onMessage(message.slice('data: '.length))
  }
}

async function send(
  path: string,
  { headers: more = {}, ...request }: Request,
  timeoutMs: number,
): Promise<Response> {
  const headers = { ...more, ...authorization() }
  const answer = await fetch(path, { ...request, headers, cache: 'no-store' }).catch((error: unknown) => {
    throw new Error(
      error instanceof DOMException && error.name === 'TimeoutError'
        ? `${location.host} has not answered within ${timeoutMs / 1000} s`
        : `nothing answers at ${location.host}: the controller has ended, or the way to the node is broken`,
    )
  })
  if (answer.ok) return answer
  const { error = `${location.host} answers with ${answer.status}` } = (await answer
    .json()
    .catch(() => ({}))) as {
    error?: string
  }
  if (answer.status !== 401) throw new Error(error)
  // Sent again and again, it would use up the wrong tokens that are looked at.
  forgetToken()
  throw new TokenNeeded(error)
}
