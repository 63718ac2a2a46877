// Engine.IO revision 3: packets, the string payload of both dialects, the binary payload ("XHR2").
import type { EnginePacket, PayloadReader } from '../packet.ts'

/** One packet as a WebSocket message: binary gets a leading type byte 0x04, or becomes `b4<base64>`. */
export declare function encodePacket(packet: EnginePacket, supportsBinary: boolean): string | Uint8Array
export declare function decodePacket(encoded: string | Uint8Array): EnginePacket
/**
 * `<length>:<packet>…`, binary as `b4<base64>`. With `ascii`, every non-ASCII character of message data is written as `\uXXXX`
 * (message data is JSON), so that dialect A and dialect B decode the same text (spec: EIO-26).
 */
export declare function encodeStringPayload(packets: readonly EnginePacket[], options?: { ascii?: boolean }): string
/** `<0|1><length digits><0xFF><data>…`; used when both sides take binary. */
export declare function encodeBinaryPayload(packets: readonly EnginePacket[]): Uint8Array
/** Reads the string form of both dialects: a dialect-A sender is detected and decoded once more (spec: EIO-27). */
export declare function readStringPayload(body: string): PayloadReader
export declare function readBinaryPayload(body: Uint8Array): PayloadReader
/** True when the body was written by a dialect-A sender (1.x): all units <= 0xFF, at least one >= 0x80, valid UTF-8 bytes. */
export declare function isDialectA(body: string): boolean
