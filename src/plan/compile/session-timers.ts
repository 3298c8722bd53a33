/** Seconds. How soon a session is tried again. */
export const sessionTimers = {
  connectDelayS: 1,
  connectRetryS: 5,
} as const
