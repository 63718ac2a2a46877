// The WebSocket-only entry: nothing but the smallest engine, over the global WebSocket.
import { createCompactCodec } from '../codec-compact.ts'
import type { EngineClient } from '../engine/engine-client.ts'
import { WebSocketEngine } from '../engine/websocket-engine.ts'
import type { EngineClientOptions } from '../options.ts'
import type { ServerUrl } from '../url.ts'
import type { Platform } from './platform.ts'
import { shortHelp } from './short-help.ts'

export const websocketOnly: Platform = {
  Engine: WebSocketEngine as unknown as new (url: ServerUrl, options: EngineClientOptions) => EngineClient,
  createCodec: createCompactCodec,
  help: shortHelp,
}
