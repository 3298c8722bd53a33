import { Gauge, Registry } from 'prom-client'

export type RtrMetrics = ReturnType<typeof createRtrMetrics>

/** Every metric of `anyward rtr`, in a registry of its own. Names and labels are part of the interface. */
export function createRtrMetrics() {
  const registry = new Registry()
  const registers = [registry]
  return {
    registry,
    vrps: new Gauge({
      name: 'anyward_rtr_vrps',
      help: 'VRPs that routers get; absent while there are none to serve',
      registers,
    }),
    vrpsGenerated: new Gauge({
      name: 'anyward_rtr_vrps_timestamp_seconds',
      help: 'When the validator generated these VRPs; absent while there are none to serve (seconds since 1970)',
      registers,
    }),
    serial: new Gauge({
      name: 'anyward_rtr_serial',
      help: 'Serial number of the VRPs: it rises with each change',
      registers,
    }),
    routers: new Gauge({
      name: 'anyward_rtr_routers',
      help: 'Connections of routers',
      registers,
    }),
  }
}
