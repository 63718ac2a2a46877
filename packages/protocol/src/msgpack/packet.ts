// A whole Socket.IO packet as one MessagePack map (socket.io-msgpack-parser 3.0.2).
import { ProtocolError } from '../errors.ts'
import { PacketType } from '../socketio/packet.ts'
import type { SocketPacket } from '../socketio/packet.ts'
import { decodeMsgpack, encodeMsgpack } from './msgpack.ts'

/** The packet as one binary message; attachments stay in their places. @throws ProtocolError TW_ERR_DEPTH, TW_ERR_MSGPACK */
export function encodeMsgpackPacket(packet: SocketPacket): Uint8Array {
  return encodeMsgpack(packet)
}

function isValid(packet: SocketPacket): boolean {
  const { type, nsp, id, data } = packet
  if (!Number.isInteger(type) || type < PacketType.CONNECT || type > PacketType.CONNECT_ERROR) return false
  if (typeof nsp !== 'string' || !(id === undefined || Number.isInteger(id))) return false
  // A map: neither binary nor a date.
  const isObject = Object.prototype.toString.call(data) === '[object Object]'
  switch (type) {
    case PacketType.CONNECT:
      return data === undefined || isObject
    case PacketType.DISCONNECT:
      return data === undefined
    case PacketType.EVENT:
      return Array.isArray(data) && data.length > 0
    case PacketType.ACK:
      return Array.isArray(data)
    default:
      return typeof data === 'string' || isObject
  }
}

/**
 * The packet in one binary message, checked: type 0 to 4, namespace, id, and data of its type.
 * @throws ProtocolError TW_ERR_MSGPACK, TW_ERR_DEPTH
 */
export function decodeMsgpackPacket(bytes: Uint8Array): SocketPacket {
  const packet = decodeMsgpack(bytes) as SocketPacket
  if (typeof packet !== 'object' || packet === null || !isValid(packet)) {
    throw new ProtocolError('TW_ERR_MSGPACK', 'Malformed MessagePack packet; expected {type: 0-4, nsp, id?, data} with data of its type')
  }
  return packet
}
