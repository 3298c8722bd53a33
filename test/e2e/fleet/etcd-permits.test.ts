import { describePermits, type PermitBed, permitSites } from '../../fleet-permits.ts'
import { EtcdCluster } from '../fixtures/etcd/cluster.ts'

async function startBed(): Promise<PermitBed> {
  const cluster = await EtcdCluster.start(permitSites)
  let number = 0
  return {
    openFor: (site) => cluster.open(site),
    disturb: async () => {
      const member = cluster.members[number % 3]!
      const fault = number % 4
      number += 1
      if (fault === 0) {
        const leader = await cluster.leader()
        await leader.kill()
        leader.start()
      } else if (fault === 1) {
        await member.freeze()
        await new Promise((resolve) => setTimeout(resolve, 500))
        member.thaw()
      } else {
        await member.cut(fault === 2 ? 'peers' : 'replies')
        await new Promise((resolve) => setTimeout(resolve, 500))
        await member.restoreTraffic()
      }
      // One fault at a time: with two of three members there is no store.
      await cluster.isHealthy()
    },
    stop: () => cluster.stop(),
  }
}

describePermits('the permit, over a cluster of etcd whose members fail', startBed)
