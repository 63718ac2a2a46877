// A polling session by literal requests: one connection for GETs, one for POSTs.
import { HttpConnection } from './http.ts'
import type { Answer } from './http.ts'

export class PollingSession {
  readonly sid: string
  readonly path: string
  gets: HttpConnection
  posts: HttpConnection
  readonly #port: number
  readonly #headers: Readonly<Record<string, string>>

  private constructor(
    port: number,
    gets: HttpConnection,
    sid: string,
    query: string,
    headers: Readonly<Record<string, string>>,
  ) {
    this.#port = port
    this.gets = gets
    this.posts = new HttpConnection(port)
    this.sid = sid
    this.path = `/socket.io/?${query}&transport=polling&sid=${sid}`
    this.#headers = headers
  }

  static async open(
    port: number,
    query = 'EIO=4',
    headers: Readonly<Record<string, string>> = {},
  ): Promise<PollingSession> {
    const gets = new HttpConnection(port)
    const { body, says } = await gets.request('GET', `/socket.io/?${query}&transport=polling`, { headers })
    const sid = /sid\\?":\\?"([\w-]+)/.exec(body)?.[1]
    if (sid === undefined) throw new Error(`the handshake was answered with ${says} ${body.slice(0, 200)}`)
    return new PollingSession(port, gets, sid, query, headers)
  }

  get(withinMs?: number): Promise<Answer> {
    // The server ends connections that are idle for seconds.
    if (this.gets.ending !== undefined) this.gets = new HttpConnection(this.#port)
    return this.gets.request('GET', this.path, {
      headers: this.#headers,
      ...(withinMs === undefined ? {} : { withinMs }),
    })
  }

  post(body: string | Buffer, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
    if (this.posts.ending !== undefined) this.posts = new HttpConnection(this.#port)
    return this.posts.request('POST', this.path, { body, headers: { ...this.#headers, ...headers } })
  }

  /** Joins the root namespace; the answer is fetched. */
  async join(): Promise<this> {
    await this.post('40')
    const { body } = await this.get()
    if (!body.includes('40')) throw new Error(`joining was answered with ${body.slice(0, 200)}`)
    return this
  }

  close(): void {
    this.gets.close()
    this.posts.close()
  }
}
