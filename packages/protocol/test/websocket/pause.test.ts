// A decoder that is paused keeps what is left and goes on in order.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { FrameDecoder, OPCODE, encodeFrame } from '../../src/index.ts'
import type { FrameHandler } from '../../src/index.ts'

const mask = Uint8Array.from([1, 2, 3, 4])

class Pausing implements FrameHandler {
  readonly texts: string[] = []
  readonly decoder = new FrameDecoder(this, { role: 'server' })
  readonly every: number

  constructor(every: number) {
    this.every = every
  }

  handleText(text: string): void {
    this.texts.push(text)
    if (this.texts.length % this.every === 0) this.decoder.pause()
  }
  handleBinary(): void {}
  handlePing(): void {}
  handlePong(): void {}
  handleClose(): void {}
}

describe('a paused decoder', () => {
  it('[WS-8] handles no frame until it resumes, and then all of them in order, wherever the bytes are cut', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 5 }),
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 1, max: 9 }),
        (every, count, size) => {
          const texts = Array.from({ length: count }, (_, n) => `text ${n}`)
          const bytes = Buffer.concat(texts.map((text) => encodeFrame(OPCODE.TEXT, text, { mask })))
          const pausing = new Pausing(every)
          for (let at = 0; at < bytes.length; at += size) {
            const before = pausing.texts.length
            const wasPaused = pausing.decoder.isPaused
            pausing.decoder.push(Uint8Array.from(bytes.subarray(at, at + size)))
            if (wasPaused) expect(pausing.texts).toHaveLength(before)
            if (at % 3 === 0) pausing.decoder.resume()
          }
          while (pausing.decoder.isPaused) pausing.decoder.resume()
          expect(pausing.texts).toEqual(texts)
        },
      ),
      { numRuns: 200 },
    )
  })

  it('[WS-8] that is stopped forgets what is left', () => {
    const pausing = new Pausing(1)
    const frame = encodeFrame(OPCODE.TEXT, 'x', { mask })
    pausing.decoder.push(Buffer.concat([frame, frame]))
    pausing.decoder.stop()
    pausing.decoder.resume()

    expect(pausing.texts).toEqual(['x'])
    expect(pausing.decoder.isPaused).toBe(false)
  })
})
