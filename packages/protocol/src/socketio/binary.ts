// Placeholders: takes binary out of a packet's data and puts it back.

/** True when `value` holds a Buffer, ArrayBuffer, typed array, Blob or File at any depth (bounded by maxDepth; honours toJSON). */
export declare function hasBinary(value: unknown): boolean
