import { Gauge, type Registry } from 'prom-client'

/** What the controller measures of its node besides its own work. */
export function createNodeMetrics(registers: Registry[]) {
  return {
    staleBeatAge: new Gauge({
      name: 'anyward_stale_beat_age_seconds',
      help: 'Time since the beat of another node has risen in the store; only of nodes whose beat is stale (seconds)',
      labelNames: ['site', 'node'],
      registers,
    }),
    certificateExpiry: new Gauge({
      name: 'anyward_certificate_expiry_timestamp_seconds',
      help: 'End of the first certificate in the file that ends: `store`, `store-ca`, `rescue`, `rescue-ca`; absent where it cannot be read (seconds since 1970)',
      labelNames: ['certificate'],
      registers,
    }),
  }
}
