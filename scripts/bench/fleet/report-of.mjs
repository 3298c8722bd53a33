/** What a node with two neighbors says of itself. */
export function reportOf() {
  const announced = ['transit', 'transit-v6', 'peer'].map((neighbor) => ({
    ...{ neighbor, prefix: '192.0.2.0/24', degraded: false },
  }))
  const vpn = { name: 'vpn', health: 'healthy', decision: 'announce', reason: 'healthy', announced }
  return { clockMs: Date.now(), serial: 20261129143000, services: [vpn] }
}
