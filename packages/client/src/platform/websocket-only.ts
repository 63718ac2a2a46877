// The WebSocket-only entry: nothing but the smallest engine, over the global WebSocket.
import { createCompactCodec } from '../codec-compact.ts'
import type { EngineClient } from '../engine/engine-client.ts'
import { WebSocketEngine } from '../engine/websocket-engine.ts'
import type { EngineClientOptions } from '../options.ts'
import type { ServerUrl } from '../url.ts'
import type { Platform } from './platform.ts'

export const websocketOnly: Platform = {
  Engine: WebSocketEngine as unknown as new (url: ServerUrl, options: EngineClientOptions) => EngineClient,
  createCodec: createCompactCodec,
  // A WebSocket never says why it failed.
  help: { TW_ERR_UNREACHABLE: 'check URL, server, proxies, origins', TW_ERR_TIMEOUT: 'check proxies, raise timeout' } as Platform['help'],
}
