import { tokenPattern } from '../../../manifest/secret-token.ts'

/**
 * For two texts of one configuration, of which one has tokens and the other one their secrets: both become `***` in each
 * line that `rendered` has with a token.
 */
export function hideInstalledSecrets(rendered: string): (text: string) => string {
  const lines = rendered
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line.search(tokenPattern) !== -1)
    .map((line) => ({
      pattern: new RegExp(
        `^${escapeForPattern(line.replaceAll(tokenPattern, '\0')).replaceAll('\0', '\\S+')}$`,
      ),
      hidden: line.replaceAll(tokenPattern, '***'),
    }))
  const hide = (raw: string) => {
    const line = raw.trim()
    const found = lines.find(({ pattern }) => pattern.test(line))
    return found === undefined ? raw : raw.replace(line, () => found.hidden)
  }
  return (text) => (lines.length === 0 ? text : text.split('\n').map(hide).join('\n'))
}

function escapeForPattern(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')
}
