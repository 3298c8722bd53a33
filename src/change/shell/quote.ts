/**
 * One argument for a POSIX shell, whatever it contains: ssh joins its arguments with spaces, and the shell of the node
 * parses the result. Throws a RangeError for NUL, which no argument can contain.
 */
export function quoteArgument(argument: string): string {
  if (argument.includes('\0')) throw new RangeError('an argument contains NUL')
  if (/^[A-Za-z0-9_/.:=@%+,-]+$/.test(argument)) return argument
  return `'${argument.replaceAll("'", String.raw`'\''`)}'`
}

export function quoteCommand(argv: readonly string[]): string {
  return argv.map(quoteArgument).join(' ')
}
