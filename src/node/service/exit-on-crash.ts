/** The exit code of a program that could not do its job. */
const failed = 2

/** An exception that nothing catches is a bug: it is logged, and the process ends. */
export function exitOnCrash(onCrash: (error: Error) => void): void {
  process.once('uncaughtException', (error) => {
    onCrash(error)
    process.exit(failed)
  })
}
