/** What newer versions of BIRD warn about where BIRD 2.0.12 is silent; BIRD 3 also prints the time and the level. */
const warning =
  /:\d+:\d+:? (?:Missing authentication option, assuming MD5|Inferring function \S+ return type from its return value: \w+)$/

/** The output of `bird -p` without the warnings that depend on its version: nothing for a valid configuration. */
export function birdErrors(stderr: string): string {
  return stderr
    .split('\n')
    .filter((line) => !warning.test(line))
    .join('\n')
}
