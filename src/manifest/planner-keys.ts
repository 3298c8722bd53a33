/**
 * The file of a bundle with the keys that the next bundle has to be signed by, in the format of OpenSSH's
 * allowed_signers: `ssh-keygen -Y verify` reads it. Missing where fleet.yaml has no `planner.keys`.
 */
export const plannerKeysName = 'planner.keys'
/** What the signatures of bundles are for: one that the same key has made of something else is not valid. */
export const signatureNamespace = 'anyward-bundle'

/** The 51 bytes of an Ed25519 key (RFC 8709) in base64, which begin with its type. */
const blob = 'AAAAC3NzaC1lZDI1NTE5AAAAI[A-P][A-Za-z0-9+/]{42}'
const comment = '[A-Za-z0-9.,:()_/@+=-]+(?: [A-Za-z0-9.,:()_/@+=-]+)*'
/** A line of a `.pub` file of OpenSSH. */
export const plannerKeyPattern = new RegExp(`^ssh-ed25519 (${blob})(?: (${comment}))?$`)
const signerPattern = new RegExp(
  `^(?:planner namespaces="${signatureNamespace}" )?ssh-ed25519 (${blob})(?: .*)?$`,
)

/** The key itself, without its comment. */
export function blobOf(key: string): string {
  return plannerKeyPattern.exec(key)![1]!
}

export function renderPlannerKeys(keys: readonly string[]): string {
  return `# The next bundle has to be signed by one of these keys (planner.keys in fleet.yaml). To check this one:
# ssh-keygen -Y verify -f ${plannerKeysName} -I planner -n ${signatureNamespace} -s statement.json.sig < statement.json
${keys.map((key) => `planner namespaces="${signatureNamespace}" ${key}\n`).join('')}`
}

/** Keys without their comments, of that file or of `.pub` files; `null` if a line is anything else, or there is no key. */
export function readPlannerKeys(text: string): string[] | null {
  const lines = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
  const keys = lines.flatMap((line) => signerPattern.exec(line)?.[1] ?? [])
  return lines.length > 0 && keys.length === lines.length ? keys : null
}
