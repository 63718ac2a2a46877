// The entry of @tidewire/cluster: what users import. Parts below are not imported by users directly.
export type { Bus, BusCapabilities, BusHandler, BusState, BusSubscription } from './bus.ts'
export type { Incarnation, LinkEnd, Member, MemberState, NodeInfo } from './cluster-node.ts'
