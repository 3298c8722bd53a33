/** Seconds. Without BFD these decide how long a crashed node's routes live (RFC 4271, section 10). */
export const sessionTimers = {
  holdTimeS: 90,
  keepaliveTimeS: 30,
  connectDelayS: 1,
  connectRetryS: 5,
} as const
