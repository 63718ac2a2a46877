// The messages of the published cluster base classes, as their documentation and declarations name them: what adapters written against those
// classes put on their channel. Our own cluster (@tidewire/cluster) speaks another format.
import type { SocketPacket } from '@tidewire/protocol'
import type { BroadcastFlags } from './adapter.ts'

/** Names one adapter of one node, random. */
export type ServerId = string
/** Where a message stands in the log of an adapter that keeps one. */
export type Offset = string

/** Numbers on the wire. */
export const MessageType = {
  INITIAL_HEARTBEAT: 1,
  HEARTBEAT: 2,
  BROADCAST: 3,
  SOCKETS_JOIN: 4,
  SOCKETS_LEAVE: 5,
  DISCONNECT_SOCKETS: 6,
  FETCH_SOCKETS: 7,
  FETCH_SOCKETS_RESPONSE: 8,
  SERVER_SIDE_EMIT: 9,
  SERVER_SIDE_EMIT_RESPONSE: 10,
  BROADCAST_CLIENT_COUNT: 11,
  BROADCAST_ACK: 12,
  ADAPTER_CLOSE: 13,
} as const

interface SelectedSockets {
  opts: { rooms: string[]; except: string[]; flags: BroadcastFlags }
}

type MessageBody =
  | { type: 1 | 2 | 13 }
  | { type: 3; data: SelectedSockets & { packet: SocketPacket; requestId?: string } }
  | { type: 4 | 5; data: SelectedSockets & { rooms: string[] } }
  | { type: 6; data: SelectedSockets & { close?: boolean } }
  | { type: 7; data: SelectedSockets & { requestId: string } }
  | { type: 9; data: { requestId?: string; packet: any[] } }

type ResponseBody =
  | { type: 8; data: { requestId: string; sockets: unknown[] } }
  | { type: 10; data: { requestId: string; packet: unknown } }
  | { type: 11; data: { requestId: string; clientCount: number } }
  | { type: 12; data: { requestId: string; packet: unknown } }

/** `uid` and `nsp` are set by the base class before `doPublish`. */
export type ClusterMessage = { uid: ServerId; nsp: string } & MessageBody
/** The answer to a message that asked for one. */
export type ClusterResponse = { uid: ServerId; nsp: string } & ResponseBody

type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never
export type OutgoingClusterMessage = DistributiveOmit<ClusterMessage, 'uid' | 'nsp'>
export type OutgoingClusterResponse = DistributiveOmit<ClusterResponse, 'uid' | 'nsp'>
