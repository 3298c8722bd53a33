import { describeStore, type StoreBed } from '../../fleet-store.ts'
import { EtcdCluster } from '../fixtures/etcd/cluster.ts'

async function startBed(): Promise<StoreBed> {
  const cluster = await EtcdCluster.start(['fra1'])
  return {
    open: () => cluster.open('fra1'),
    loseReplies: async () => {
      await Promise.all(cluster.members.map((member) => member.cut('replies')))
      return async () => {
        await Promise.all(cluster.members.map((member) => member.restoreTraffic()))
      }
    },
    // The leader has the request, and cannot execute it alone.
    delayRequests: async () => {
      const leader = await cluster.leader()
      const followers = cluster.members.filter((member) => member !== leader)
      await Promise.all(followers.map((member) => member.freeze()))
      return async () => {
        for (const member of followers) member.thaw()
      }
    },
    // The watch reconnects.
    forgetChanges: async () => {
      await Promise.all(cluster.members.map((member) => member.kill()))
      await cluster.startAll()
    },
    stop: () => cluster.stop(),
  }
}

describeStore('a cluster of etcd', startBed)
