// The entry of @tidewire/cluster: what users import. Parts below are not imported by users directly.
export type { Bus, BusCapabilities, BusHandler, BusState, BusSubscription } from './bus.ts'
export type { Incarnation, LinkEnd, Member, MemberState, NodeInfo } from './cluster-node.ts'
export { InProcessHub } from './drivers/in-process.ts'
export { createClusterNode } from './node.ts'
export type { ClusterNodeOptions } from './options.ts'
