// The opening handshake's only computation.

/** SHA-1 digest; pure, for runtimes without a synchronous one. */
export declare function sha1(bytes: Uint8Array): Uint8Array
/** Sec-WebSocket-Accept for a Sec-WebSocket-Key (RFC 6455, 4.2.2). */
export declare function acceptKey(key: string): string
