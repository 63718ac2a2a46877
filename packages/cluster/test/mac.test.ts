// The code of bus messages is HMAC-SHA256, cut: what node:crypto computes for the same key.
import { createHash, createHmac } from 'node:crypto'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { Mac } from '../src/mac.ts'

it('[CLU-17] the code is HMAC-SHA256 over everything before it, cut to 16 bytes', () => {
  fc.assert(
    fc.property(fc.string(), fc.uint8Array({ maxLength: 20_000, size: 'max' }), (secret, content) => {
      const message = new Uint8Array(content.length + 16)
      message.set(content)
      new Mac(secret).sign(message)

      const key = createHash('sha256').update(secret).digest()
      expect(Buffer.from(message.subarray(content.length))).toEqual(
        createHmac('sha256', key).update(content).digest().subarray(0, 16),
      )
    }),
    { numRuns: 200 },
  )
})

it('[CLU-17] one changed bit anywhere, or another secret, is refused', () => {
  const message = new Uint8Array(80).fill(7)
  const mac = new Mac('secret')
  mac.sign(message)

  expect(mac.isValid(message)).toBe(true)
  expect(new Mac('Secret').isValid(message)).toBe(false)
  for (let bit = 0; bit < message.length * 8; bit++) {
    message[bit >> 3]! ^= 1 << (bit & 7)
    expect(mac.isValid(message)).toBe(false)
    message[bit >> 3]! ^= 1 << (bit & 7)
  }
  expect(mac.isValid(message.subarray(0, 12))).toBe(false)
})
