// The differences that are meant, by the words of their row in docs/decisions/0002-codec-differences.md (runner.test.ts compares). A target
// names one only for an input that the row is about; everything else that differs is a failure.
export const KNOWN_DIFFERENCES = [
  'v3 binary packet, or base64, of an unknown type',
  'v3 binary payload: a length without digits, or with bytes above 9',
  'EVENT or ACK without data (`2`, `25`, `2/n["a"]`)',
  'a space where the type would be',
  'a space where an acknowledgement id would be',
  '`0null` in revision 5',
  'a placeholder whose number is not whole',
  'a number of attachments that is not written in digits (`51e1-`)',
  'revision 4: unknown type, bad JSON',
  'revision 4: type 2 or 3 with binary inside, encoded',
  '`__proto__` as a key of data with binary inside, encoded',
  'revision 4: enumerable properties of a prototype, with binary inside, encoded',
  'MessagePack: `__proto__` as a key',
  'MessagePack: whole numbers beyond 64 bits',
  'MessagePack: ArrayBuffer and typed arrays in Node',
  'MessagePack: a length of 32 bits that is far above what was received',
  'WebTransport: a packet that begins with a byte order mark',
  'MessagePack: EVENT with an empty array',
  'MessagePack: lone surrogates',
  'revision 4: a packet for a namespace that is not joined, CONNECT for one that is or for `/`, ERROR',
  'revision 4: a namespace that is no plain path of a URL',
  'revision 4: reserved event names, data of another shape',
  'several packets in one body or read, one of which ends the session, leaves a namespace or joins it twice',
  'an acknowledgement id above 2^53',
  'polling: a session that the server ends while no poll is waiting',
] as const

export type KnownDifference = (typeof KNOWN_DIFFERENCES)[number]
