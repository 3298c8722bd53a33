const byRouter: Readonly<Record<string, string>> = {
  ospf: 'ospfd',
  ospf6: 'ospf6d',
  rip: 'ripd',
  ripng: 'ripngd',
  isis: 'isisd',
  eigrp: 'eigrpd',
  babel: 'babeld',
}

/** The routing daemons of FRR that a configuration needs beside zebra, staticd, bfdd and bgpd. */
export function frrDaemonsOf(text: string): string[] {
  const found = [...text.matchAll(/^[ \t]*router (\S+)/gm)].map(([, name]) => byRouter[name!])
  return [...new Set(found.filter((name) => name !== undefined))].sort()
}
