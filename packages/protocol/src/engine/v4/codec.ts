// Engine.IO revision 4: packets and polling payloads.
import type { EnginePacket, PayloadReader } from '../packet.ts'

/** One packet as a WebSocket message: text with its digit; binary raw, or `b<base64>` when `supportsBinary` is false. */
export declare function encodePacket(packet: EnginePacket, supportsBinary: boolean): string | Uint8Array
/** @throws ProtocolError TW_ERR_ENGINE_PACKET */
export declare function decodePacket(encoded: string | Uint8Array): EnginePacket
/** Packets joined by U+001E, binary as `b<base64>`. */
export declare function encodePayload(packets: readonly EnginePacket[]): string
export declare function readPayload(body: string): PayloadReader
