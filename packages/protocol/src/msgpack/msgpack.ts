// MessagePack, wire-equal to what the official MessagePack parser writes.

/** @throws ProtocolError TW_ERR_DEPTH, TW_ERR_MSGPACK */
export declare function encodeMsgpack(value: unknown): Uint8Array
/** Never allocates what has not been received. @throws ProtocolError TW_ERR_DEPTH, TW_ERR_MSGPACK */
export declare function decodeMsgpack(bytes: Uint8Array): unknown
