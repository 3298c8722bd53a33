/** What the kernel and WireGuard of a `StormNode` have, by command. */
export async function readKernel(node) {
  const commands = [
    'ip addr',
    'ip rule',
    'ip -6 rule',
    'ip route show table all',
    'ip -6 route show table all',
    'nft list ruleset',
    'ss --udp --numeric --processes --all',
    // A stopped server never answers `wg`.
    ...node.state.wireguard.map(({ interface: name }) => `timeout 2 wg show ${name}`),
  ]
  const read = async (command) => {
    const { stdout, stderr } = await node.inside(...command.split(' ')).catch((error) => error)
    return [command, `${stdout}${stderr}`.trimEnd().split('\n')]
  }
  return Object.fromEntries(await Promise.all(commands.map(read)))
}
