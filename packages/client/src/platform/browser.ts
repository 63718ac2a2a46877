// Browsers, React Native, and whatever else has XMLHttpRequest or fetch, and WebSocket. Nothing of the DOM is assumed.
import { createCompactCodec } from '../codec-compact.ts'
import { EngineClient } from '../engine/engine-client.ts'
import { HAS_JSON_CODEC } from '../features.ts'
import type { NetworkPlatform } from './platform.ts'
import { shortHelp } from './short-help.ts'

const global = globalThis as any

export const browserPlatform: NetworkPlatform = {
  Engine: EngineClient,
  createCodec: HAS_JSON_CODEC ? createCompactCodec : (undefined as never),
  help: shortHelp,

  request(method, url, body, { extraHeaders, withCredentials, requestTimeout = 0 }, done) {
    const headers: { [name: string]: string } = { ...extraHeaders }
    if (method === 'POST') headers['Content-Type'] = typeof body === 'string' ? 'text/plain;charset=UTF-8' : 'application/octet-stream'
    const fail = (): void => done(new Error('network error'))
    if (global.XMLHttpRequest) {
      const xhr = new global.XMLHttpRequest()
      try {
        xhr.open(method, url)
        for (const name of Object.keys(headers)) xhr.setRequestHeader(name, headers[name])
        xhr.responseType = 'arraybuffer'
        xhr.withCredentials = withCredentials
        xhr.timeout = requestTimeout
        xhr.onload = () => done(undefined, { status: xhr.status, body: new Uint8Array(xhr.response ?? 0) })
        xhr.onerror = xhr.ontimeout = fail
        xhr.send(body)
      } catch {
        setTimeout(fail)
      }
      return xhr
    }
    // Without XMLHttpRequest: service workers, other runtimes.
    const controller = new AbortController()
    const timer = requestTimeout && setTimeout(() => controller.abort(), requestTimeout)
    fetch(url, {
      method,
      headers,
      body: body as BodyInit,
      credentials: withCredentials ? 'include' : 'same-origin',
      signal: controller.signal,
    })
      .then(async (response) => ({ status: response.status, body: new Uint8Array(await response.arrayBuffer()) }))
      .then((answer) => done(undefined, answer), fail)
      .finally(() => clearTimeout(timer))
    return controller
  },

  openWebSocket(url, { protocols, extraHeaders }, events) {
    // React Native takes headers; browsers do not look at a third argument.
    const socket = new global.WebSocket(url, protocols ?? [], { headers: extraHeaders })
    socket.binaryType = 'arraybuffer'
    socket.onopen = events.open
    socket.onmessage = ({ data }: { data: string | ArrayBuffer }) => events.message(typeof data === 'string' ? data : new Uint8Array(data))
    socket.onclose = ({ code, reason }: { code: number; reason: string }) => events.close(code, reason)
    socket.onerror = (error: unknown) => events.error(error)
    return socket
  },
}
