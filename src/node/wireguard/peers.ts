/**
 * Of the output of `wg show INTERFACE allowed-ips`. A peer that may send from no address is no client: it is the probe of
 * another site.
 */
export function listWithoutAddress(text: string): string[] {
  return text.split('\n').flatMap((line) => {
    const [peer = '', addresses] = line.split('\t')
    return addresses === '(none)' ? [peer] : []
  })
}
