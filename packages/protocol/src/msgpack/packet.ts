// A whole Socket.IO packet as one MessagePack map (socket.io-msgpack-parser 3.0.2).
import type { SocketPacket } from '../socketio/packet.ts'

export declare function encodeMsgpackPacket(packet: SocketPacket): Uint8Array
export declare function decodeMsgpackPacket(bytes: Uint8Array): SocketPacket
