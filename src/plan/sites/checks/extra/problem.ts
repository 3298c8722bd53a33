/** What extra configuration may not contain, with its line in the file, and what to do instead. */
export interface ExtraProblem {
  readonly line: number
  readonly message: string
  readonly hint: string
}

/** The names of what the planner and the controller write: nothing else may have one, or refer to one. */
export const ourNames = /(?:^|[^A-Za-z0-9])(?:aw[_-]|anyward\w)/i

export const namesHint = 'use other names: those that begin with aw_, AW_, aw- or anyward are the planner’s'

/** A placeholder of a secret, as in a bundle. */
export const secretReference = /^@anyward-secret:\/[^\s"@]*@$/

export const secretHint =
  'keep it in a file on the node, and write @anyward-secret:/path/of/the/file@ in its place'
