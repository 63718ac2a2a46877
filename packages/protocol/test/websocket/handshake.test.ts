import fc from 'fast-check'
import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { acceptKey, sha1 } from '../../src/index.ts'

test('[WS-11] answers the key of RFC 6455 with the accept value printed there', () => {
  expect(acceptKey('dGhlIHNhbXBsZSBub25jZQ==')).toBe('s3pPLMBiTxaQ9kYGzzhZRbK+xOo=')
})

test('[WS-11] computes the SHA-1 of any bytes as the runtime does', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      expect(Buffer.from(sha1(bytes)).toString('hex')).toBe(createHash('sha1').update(bytes).digest('hex'))
    }),
  )
  // Around the ends of blocks, where the padding grows by one.
  for (const length of [0, 1, 54, 55, 56, 57, 63, 64, 65, 119, 120, 128, 100_000]) {
    const bytes = Buffer.alloc(length, 0xa7)
    expect(Buffer.from(sha1(bytes)).toString('hex'), `${length} bytes`).toBe(
      createHash('sha1').update(bytes).digest('hex'),
    )
  }
})
