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
  /**
   * Who, besides the owner of the Unix socket. `stranger`: every machine that reaches the port. `anyone`: every user of this
   * machine, and others with a token or a certificate. `named`: who has a token. `owner`: no one else.
   */
  readonly access: 'stranger' | 'anyone' | 'named' | 'owner'
  /** An answer is given again to requests that come within this time. Each answer costs the program time. */
  readonly shareMs: number
  /** `body` is the JSON of a POST request; `undefined` if it is no JSON. `by`: the name of the token, where it needs one. */
  readonly answer: (body: unknown, by: string | null) => Reply | Promise<Reply>
}

export function jsonReply(code: number, body: unknown): Reply {
  return { code, contentType: 'application/json', body: `${JSON.stringify(body)}\n` }
}
