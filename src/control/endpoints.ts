/** What the server serves and the client asks for. The schemas are in status.ts and order.ts. */
export const endpoints = {
  health: { method: 'GET', path: '/healthz', access: 'stranger', shareMs: 100 },
  status: { method: 'GET', path: '/status', access: 'anyone', shareMs: 100 },
  metrics: { method: 'GET', path: '/metrics', access: 'stranger', shareMs: 1000 },
  fleet: { method: 'GET', path: '/fleet', access: 'anyone', shareMs: 500 },
  /** The same as a stream, on TCP. */
  fleetLive: { method: 'GET', path: '/fleet/live', access: 'anyone', shareMs: 0 },
  fleetEvents: { method: 'GET', path: '/fleet/events', access: 'anyone', shareMs: 500 },
  rollout: { method: 'GET', path: '/rollout', access: 'anyone', shareMs: 500 },
  state: { method: 'GET', path: '/state', access: 'anyone', shareMs: 100 },
  /** The same as a stream, on TCP. */
  live: { method: 'GET', path: '/live', access: 'anyone', shareMs: 0 },
  configured: { method: 'GET', path: '/configured', access: 'anyone', shareMs: 1000 },
  history: { method: 'GET', path: '/history', access: 'anyone', shareMs: 1000 },
  recentEvents: { method: 'GET', path: '/events/recent', access: 'anyone', shareMs: 250 },
  /** From the page: what a name with a token may order. */
  namedOrder: { method: 'POST', path: '/order', access: 'named', shareMs: 0 },
  /** At the planner: to pause or abort the rollout. */
  rolloutOrder: { method: 'POST', path: '/rollout/order', access: 'named', shareMs: 0 },
  order: { method: 'POST', path: '/operator', access: 'owner', shareMs: 0 },
  permitRemoval: { method: 'POST', path: '/permit/remove', access: 'owner', shareMs: 0 },
} as const
