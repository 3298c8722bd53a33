import type { DaemonKind } from '../../manifest/daemon-kinds.ts'

/** A configuration says within its first lines what it is. */
const longestStart = 256 * 1024

/** Which daemon a configuration is for, by what only one of them has; `null`: by none of the two. */
export function detectDaemon(text: string): DaemonKind | null {
  const bare = withoutComments(text.slice(0, longestStart))
  if (/^[ \t]*(?:router bgp[ \t]|frr (?:version|defaults)[ \t])/m.test(bare)) return 'frr'
  if (/^[ \t]*(?:protocol|template|filter|function)[ \t][^;{}]{0,200}\{/m.test(bare)) return 'bird'
  if (/^[ \t]*(?:router[ \t]+id[ \t]|include[ \t]+"|define[ \t])[^;]{1,200};/m.test(bare)) return 'bird'
  return /^[ \t]*(?:hostname|interface|log|router|route-map|ip|service)[ \t]/m.test(bare) ? 'frr' : null
}

function withoutComments(text: string): string {
  let bare = ''
  for (let at = 0; ; ) {
    const open = text.indexOf('/*', at)
    const close = open === -1 ? -1 : text.indexOf('*/', open + 2)
    if (close === -1) return (bare + text.slice(at)).replace(/^[ \t]*[#!].*$/gm, '')
    bare += text.slice(at, open)
    at = close + 2
  }
}
