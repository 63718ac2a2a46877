// What a decoder handled, as plain values that can be compared.
import { FrameDecoder, ProtocolError } from '../../src/index.ts'
import type { FrameDecoderOptions } from '../../src/index.ts'

export type FrameEvent =
  | ['text', string]
  | ['binary' | 'ping' | 'pong', string]
  | ['close', number, string]
  | ['error', number | undefined]

export const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex')

export class RecordingDecoder {
  readonly events: FrameEvent[] = []
  readonly decoder: FrameDecoder

  constructor(options: FrameDecoderOptions) {
    const { events } = this
    const record = (name: 'binary' | 'ping' | 'pong') => (data: Uint8Array) =>
      void events.push([name, Buffer.from(data).toString('hex')])
    this.decoder = new FrameDecoder(
      {
        handleText: (text) => void events.push(['text', text]),
        handleBinary: record('binary'),
        handlePing: record('ping'),
        handlePong: record('pong'),
        handleClose: (code, reason) => void events.push(['close', code, reason]),
      },
      options,
    )
  }

  /** Anything but a ProtocolError passes through and fails the test. */
  push(chunk: Uint8Array): this {
    try {
      this.decoder.push(chunk)
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error
      this.events.push(['error', error.closeCode])
    }
    return this
  }
}

/** Decoding changes the bytes it is given, so every decoder gets its own. */
export function decodeAll(chunks: readonly Uint8Array[], options: FrameDecoderOptions): FrameEvent[] {
  const recording = new RecordingDecoder(options)
  for (const chunk of chunks) recording.push(Buffer.from(chunk))
  return recording.events
}
