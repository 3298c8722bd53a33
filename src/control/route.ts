/** What a route answers: a status code of HTTP, and a body. */
export interface Reply {
  readonly code: number
  readonly contentType: string
  readonly body: string
}

/** One row of the table that the HTTP server answers from. Each has a path of its own. */
export interface Route {
  readonly method: 'GET' | 'POST'
  readonly path: string
  /** `anyone`: also on TCP, which every user of the machine can reach. `owner`: only on the Unix socket. */
  readonly access: 'anyone' | 'owner'
  /** An answer is given again to requests that come within this time. Each answer costs the program time. */
  readonly shareMs: number
  /** `body` is the JSON of a POST request; `undefined` if it is no JSON. */
  readonly answer: (body: unknown) => Reply | Promise<Reply>
}

export function jsonReply(code: number, body: unknown): Reply {
  return { code, contentType: 'application/json', body: `${JSON.stringify(body)}\n` }
}
