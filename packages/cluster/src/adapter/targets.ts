// Which nodes a selection of rooms concerns. Pure questions to what is known of the others.
import type { BroadcastOptions, Room } from 'tidewire'
import type { ClusterNode, Incarnation } from '../cluster-node.ts'
import type { AbsentRooms } from './interest.ts'
import type { Peer, PeerNamespace } from './peer.ts'

export interface Targets {
  readonly peers: Peer[]
  /** Some are among them only because nothing is known of a room. */
  readonly isFlood: boolean
}

type Peers = ReadonlyMap<Incarnation, Peer>

const NOBODY: Targets = { peers: [], isFlood: false }
const ID_LENGTH = 20
const INCARNATION_LENGTH = 4

/** The node that a socket's own room belongs to, as far as it is or was a member. */
export function ownerOf(room: Room, node: ClusterNode, peers: Peers): Incarnation | undefined {
  const { length } = room
  // Revision 4: "/namespace#id".
  if (length !== ID_LENGTH && (length <= ID_LENGTH || room.charCodeAt(length - ID_LENGTH - 1) !== 0x23))
    return undefined
  const owner = room.slice(length - ID_LENGTH, length - ID_LENGTH + INCARNATION_LENGTH)
  return owner === node.incarnation || peers.has(owner) || node.isGone(owner) ? owner : undefined
}

/** Each node once. */
export function targetsOf(
  name: string,
  absent: AbsentRooms,
  { rooms, flags }: BroadcastOptions,
  node: ClusterNode,
  peers: Peers,
): Targets {
  if (flags?.local === true || peers.size === 0) return NOBODY
  const targets: Peer[] = []
  const unknown = rooms.size === 0 ? [] : unknownRooms(name, rooms, node, peers)
  let isFlood = false
  for (const peer of peers.values()) {
    const served = peer.namespaces.get(name)
    if (served === undefined) {
      if (!peer.isReady || !peer.notServed.has(name)) targets.push(peer)
    } else if (rooms.size === 0 || !peer.isReady || concerns(peer, served, rooms, node, peers)) {
      targets.push(peer)
    } else if (unknown.some((room) => !absent.has(room, peer.incarnation))) {
      targets.push(peer)
      isFlood = true
    }
  }
  return { peers: targets, isFlood }
}

function concerns(
  peer: Peer,
  served: PeerNamespace,
  rooms: ReadonlySet<Room>,
  node: ClusterNode,
  peers: Peers,
): boolean {
  for (const room of rooms)
    if (served.has(room) || ownerOf(room, node, peers) === peer.incarnation) return true
  return false
}

/** Rooms that no other node has told of: a join may be under way. A socket's own room has one place where it can be. */
function unknownRooms(name: string, rooms: ReadonlySet<Room>, node: ClusterNode, peers: Peers): Room[] {
  return [...rooms].filter((room) => {
    if (ownerOf(room, node, peers) !== undefined) return false
    for (const peer of peers.values()) if (peer.namespaces.get(name)?.has(room) === true) return false
    return true
  })
}
