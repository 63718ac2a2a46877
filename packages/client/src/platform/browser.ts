// Browsers, React Native, and whatever else has XMLHttpRequest or fetch, and WebSocket. Nothing of the DOM is assumed.
import type { Platform } from './platform.ts'

const global = globalThis as any

export const browserPlatform: Platform = {
  request(method, url, body, options, done) {
    let isDone = false
    const finish = (error: Error | undefined, status = 0, answer: Uint8Array | string = ''): void => {
      if (isDone) return
      isDone = true
      done(error, error ? undefined : { status, body: answer })
    }
    const headers: { [name: string]: string } = { ...options.extraHeaders }
    if (method === 'POST') headers['Content-Type'] = typeof body === 'string' ? 'text/plain;charset=UTF-8' : 'application/octet-stream'
    if (typeof global.XMLHttpRequest === 'function') {
      const xhr = new global.XMLHttpRequest()
      try {
        xhr.open(method, url, true)
        for (const name of Object.keys(headers)) xhr.setRequestHeader(name, headers[name])
        xhr.responseType = 'arraybuffer'
        xhr.withCredentials = options.withCredentials === true
        if (options.requestTimeout) xhr.timeout = options.requestTimeout
        xhr.onload = () => finish(undefined, xhr.status, new Uint8Array(xhr.response ?? 0))
        xhr.onerror = () => finish(new Error('network error'))
        xhr.ontimeout = () => finish(new Error('request timeout'))
        xhr.send(body ?? null)
      } catch (error) {
        setTimeout(() => finish(error as Error))
      }
      return {
        abort() {
          isDone = true
          xhr.abort()
        },
      }
    }
    const controller = new AbortController()
    const timer = options.requestTimeout ? setTimeout(() => controller.abort(), options.requestTimeout) : undefined
    fetch(url, {
      method,
      headers,
      body: (body ?? null) as BodyInit | null,
      credentials: options.withCredentials ? 'include' : 'omit',
      signal: controller.signal,
      cache: 'no-store',
    })
      .then(async (response) => finish(undefined, response.status, new Uint8Array(await response.arrayBuffer())))
      .catch((error: unknown) => finish(error as Error))
      .finally(() => clearTimeout(timer))
    return {
      abort() {
        isDone = true
        controller.abort()
      },
    }
  },

  openWebSocket(url, options, events) {
    const { protocols, extraHeaders } = options
    const isReactNative = global.navigator?.product?.toLowerCase?.() === 'reactnative'
    const socket = isReactNative
      ? new global.WebSocket(url, protocols, { headers: extraHeaders })
      : protocols?.length
        ? new global.WebSocket(url, protocols)
        : new global.WebSocket(url)
    socket.binaryType = 'arraybuffer'
    socket.onopen = () => events.open()
    socket.onmessage = ({ data }: { data: string | ArrayBuffer }) => events.message(typeof data === 'string' ? data : new Uint8Array(data))
    socket.onclose = ({ code, reason }: { code: number; reason: string }) => events.close(code, reason)
    socket.onerror = (error: unknown) => events.error(error)
    return {
      send: (data) => socket.send(data),
      close: () => socket.close(),
    }
  },
}
