/** Minimum and maximum of values in the YAML and in a manifest; durations as in the YAML. */
export const bounds = {
  probe: {
    interval: ['30ms', '60s'],
    timeout: ['10ms', '60s'],
    times: [1, 1000],
    windowSize: [10, 1000],
    holdDownInitial: ['0s', '1h'],
    holdDownMax: ['0s', '24h'],
  },
  sideCheck: {
    interval: ['1s', '1h'],
    timeout: ['100ms', '10m'],
    times: [1, 100],
    need: [1, 100],
    within: ['10s', '1h'],
    least: [1, 1_000_000],
  },
  drain: { idle: ['0s', '10m'], limit: ['0s', '24h'], undrain: ['0s', '24h'] },
  safety: { minSites: [0, 10_000], deadMan: ['1s', '1h'] },
  rpki: { refresh: ['1s', '24h'], retry: ['1s', '2h'], expire: ['10m', '48h'] },
  bfd: { interval: ['10ms', '60s'], multiplier: [2, 255] },
  timers: { hold: ['3s', '65535s'], keepalive: ['1s', '21845s'] },
  multihop: [2, 255],
  remote: { interval: ['1s', '10m'], observers: [1, 20] },
  rollout: { soak: ['0s', '24h'] },
  maintenance: ['1m', '168h'],
} as const

/** Bounds of side check values in percent. */
export const leastShare = 0.01
/** A program's argument. */
export const longestArgument = 1024
