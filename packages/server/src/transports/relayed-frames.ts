// Frames of a session of another node for a WebSocket that makes its own: taken apart into messages again.
import { FrameDecoder } from '@tidewire/protocol'

export class RelayedFrames {
  readonly #decoder: FrameDecoder

  constructor(send: (data: string | Buffer) => unknown) {
    this.#decoder = new FrameDecoder(
      {
        handleText: (text) => void send(text),
        handleBinary: (data) => void send(Buffer.from(data)),
        handlePing: ignore,
        handlePong: ignore,
        handleClose: ignore,
      },
      { role: 'client', maxPayloadBytes: Number.MAX_SAFE_INTEGER },
    )
  }

  push(frames: Buffer): void {
    this.#decoder.push(frames)
  }
}

function ignore(): void {}
