// One life of a client library: connect, join rooms, do things at random and check every answer, leave in one of many ways.
// In: the library, a transport, a seed. Out: the tally.
import type { Random } from '@tidewire/testkit/random'
import { RoomWatch } from './room-watch.ts'
import { pause, within } from './tally.ts'
import type { Tally } from './tally.ts'
import { DEADLINE_MS, answerTo, bodyOf, isSame } from './words.ts'

/** What 2.x, 4.x and our client have in common. */
export interface LibrarySocket {
  readonly id: string
  readonly connected: boolean
  readonly recovered?: boolean
  readonly io: {
    socket(nsp: string): LibrarySocket
    engine: { close(): void; transport: { name: string } }
    reconnection(on: boolean): unknown
  }
  on(event: string, listener: (...args: any[]) => void): unknown
  once(event: string, listener: (...args: any[]) => void): unknown
  emit(event: string, ...args: unknown[]): unknown
  connect(): unknown
  disconnect(): unknown
}

export interface Library {
  readonly name: string
  readonly revision: 4 | 5
  readonly connect: (url: string, options: object) => LibrarySocket
}

export interface LifeSettings {
  readonly library: Library
  readonly port: number
  readonly transports: readonly string[]
  readonly random: Random
  readonly tally: Tally
  readonly lifeMs: number
  readonly actMs: number
}

export class LibraryLife {
  readonly #settings: LifeSettings
  readonly #name: string
  readonly #watch: RoomWatch
  #socket!: LibrarySocket
  /** Sockets of other namespaces, over the same connection. */
  readonly #others = new Map<string, LibrarySocket>()
  #sent = 0
  /** Anything else ends in a failure. */
  #disconnectExpected = false

  constructor(settings: LifeSettings) {
    this.#settings = settings
    this.#name = `${settings.library.name} ${settings.transports.join('+')}`
    this.#watch = new RoomWatch(this.#name, settings.tally)
  }

  async run(): Promise<void> {
    const { library, port, transports, random, tally, lifeMs, actMs } = this.#settings
    const socket = library.connect(`http://127.0.0.1:${port}`, {
      forceNew: true,
      multiplex: false,
      transports,
      reconnectionDelay: 50,
      reconnectionDelayMax: 200,
      timeout: DEADLINE_MS,
      query: { kind: this.#name.replaceAll(' ', '-') },
    })
    this.#socket = socket
    socket.on('connect', () => this.#watch.note('connect'))
    socket.on('pub', (room: string, n: number, ...args: unknown[]) => this.#watch.take(room, n, ...args))
    socket.on('blink', (n: number) => this.#watch.takeVolatile(n))
    socket.on('question', (x: number, done: (answer: number) => void) => done(answerTo(x)))
    socket.on('disconnect', (reason: string) => {
      // Only now: an engine that is about to upgrade closes later, and messages come in until then.
      if (library.revision === 4) {
        this.#watch.reset()
        this.#sent = 0
      }
      if (!this.#disconnectExpected) tally.fail(`${this.#name}: disconnected, ${reason}`)
    })
    try {
      await this.#connected('connect')
      tally.add(`connects of ${this.#name}`)
      await this.#join('ticks')
      const end = performance.now() + lifeMs
      while (performance.now() < end) {
        await this.#act()
        await pause(random.below(actMs * 2))
      }
      await this.#leave()
    } catch (error) {
      tally.fail(`${this.#name}: ${(error as Error).message}`)
    } finally {
      this.#disconnectExpected = true
      socket.io.reconnection(false)
      for (const each of [...this.#others.values(), socket]) each.disconnect()
    }
  }

  #connected(what: string): Promise<void> {
    const connected = new Promise<void>((resolve, reject) => {
      this.#socket.once('connect', resolve)
      this.#socket.once('connect_error', (error: Error) => reject(new Error(`${what}: ${error.message}`)))
    })
    return within(connected, DEADLINE_MS, what)
  }

  #ask<T>(event: string, ...args: unknown[]): Promise<T> {
    return this.#askOn(this.#socket, event, ...args)
  }

  async #askOn<T>(socket: LibrarySocket, event: string, ...args: unknown[]): Promise<T> {
    let calls = 0
    const answer = await within(
      new Promise<any[]>((resolve) => {
        socket.emit(event, ...args, (...answers: any[]) => {
          if (++calls > 1) this.#settings.tally.fail(`${this.#name}: ${event} answered ${calls} times`)
          resolve(answers)
        })
      }),
      DEADLINE_MS,
      event,
    )
    this.#settings.tally.add('acks')
    return (answer.length > 1 ? answer : answer[0]) as T
  }

  /** The number must be taken in the ack itself: what follows in the same read may be the next message. */
  #join(room: string): Promise<void> {
    return this.#roomCall('join', room, (latest) => this.#watch.joined(room, latest))
  }

  #roomCall(event: string, room: string, apply: (latest: number) => void): Promise<void> {
    return within(
      new Promise<void>((resolve) => {
        this.#socket.emit(event, room, (latest: number) => {
          apply(latest)
          resolve()
        })
      }),
      DEADLINE_MS,
      event,
    )
  }

  async #echo(socket = this.#socket): Promise<void> {
    const body = bodyOf(this.#settings.random.below(10_000))
    const answers = await this.#askOn<unknown>(socket, 'echo', ...body)
    if (!isSame(body.length > 1 ? answers : [answers], body))
      this.#settings.tally.fail(`${this.#name}: another echo`)
  }

  /** What was sent without acknowledgement has arrived. */
  async #barrier(): Promise<void> {
    const count = await this.#ask<number>('count')
    if (count !== this.#sent)
      this.#settings.tally.fail(`${this.#name}: ${count} of ${this.#sent} emits arrived`)
  }

  async #act(): Promise<void> {
    const { random, tally } = this.#settings
    const kind = random.below(100)
    if (kind < 30) return this.#echo()
    if (kind < 45) {
      for (let i = random.below(5); i >= 0; i--) {
        this.#socket.emit('seq', ++this.#sent)
        tally.add('emits without ack')
      }
      return
    }
    if (kind < 55) return this.#moveRoom()
    if (kind < 67) {
      this.#socket.emit('publish', `room ${random.below(6)}`)
      tally.add('publishes')
      return
    }
    if (kind < 75) return this.#barrier()
    if (kind < 82) return this.#question('ask me')
    if (kind < 85) return this.#question('ask my room')
    if (kind < 86) {
      const [, wrong] = await this.#ask<[number, number]>('ask all', random.below(1000))
      if (wrong > 0) tally.fail(`${this.#name}: ${wrong} wrong answers to a broadcast`)
      return
    }
    if (kind < 87) {
      this.#socket.emit('throw')
      tally.add('throws asked for')
      return
    }
    if (kind < 88) {
      this.#socket.emit('never answered', () => tally.fail(`${this.#name}: an answer that nobody gave`))
      return
    }
    if (kind < 95) return this.#otherNamespace()
    return this.#cut()
  }

  async #moveRoom(): Promise<void> {
    const room = `room ${this.#settings.random.below(6)}`
    if (!this.#watch.rooms.includes(room)) return this.#join(room)
    return this.#roomCall('leave', room, (latest) => this.#watch.left(room, latest))
  }

  async #question(event: string): Promise<void> {
    const x = this.#settings.random.below(1_000_000)
    const answer = await this.#ask<unknown>(event, x)
    const wanted = event === 'ask me' ? answerTo(x) : [answerTo(x)]
    if (!isSame(answer, wanted))
      this.#settings.tally.fail(`${this.#name}: ${event} ${x} answered with ${JSON.stringify(answer)}`)
  }

  async #otherNamespace(): Promise<void> {
    const { random, tally, library } = this.#settings
    const name = random.pick(['/chat', '/locked', `/dyn-${random.below(5)}`])
    const isKnown = this.#others.has(name)
    const other = this.#socket.io.socket(name)
    this.#others.set(name, other)
    const refused = new Promise<string>((resolve) => {
      other.once(library.revision === 5 ? 'connect_error' : 'error', (error: any) =>
        resolve(typeof error === 'string' ? error : error.message),
      )
    })
    const connected = new Promise<'connected'>((resolve) => other.once('connect', () => resolve('connected')))
    // socket() connects, but in 2.x not what it has made before; a second connect() would be a second CONNECT, for which servers close.
    if (isKnown && library.revision === 4) other.connect()
    const outcome = await within(Promise.race([refused, connected]), DEADLINE_MS, name)
    const wanted = name === '/locked' ? 'no entry' : 'connected'
    if (outcome !== wanted) tally.fail(`${this.#name}: ${name} ${outcome}`)
    else if (outcome === 'connected') await this.#echo(other)
    other.disconnect()
    tally.add('namespaces joined or refused')
  }

  /** The transport goes; a 4.x client comes back as the same socket and has missed nothing. */
  async #cut(): Promise<void> {
    const { library, tally, random } = this.#settings
    await this.#barrier()
    const id = this.#socket.id
    this.#disconnectExpected = true
    const back = this.#connected('reconnect')
    this.#watch.note('cut')
    this.#socket.io.engine.close()
    await back
    this.#watch.note('connected again')
    this.#disconnectExpected = false
    tally.add('cuts')
    if (library.revision === 5) {
      if (!this.#socket.recovered || this.#socket.id !== id) throw new Error('came back without its session')
      tally.add('recoveries')
    } else await this.#join('ticks')
    if (random.below(2) === 0) await this.#echo()
  }

  async #leave(): Promise<void> {
    const { random, tally } = this.#settings
    await this.#barrier()
    this.#disconnectExpected = true
    this.#socket.io.reconnection(false)
    const reason = new Promise<string>((resolve) => this.#socket.once('disconnect', resolve))
    const way = random.pick(['client', 'server', 'server closes', 'cut'])
    if (way === 'client') this.#socket.disconnect()
    else if (way === 'cut') this.#socket.io.engine.close()
    else this.#socket.emit('kick', way === 'server closes')
    const told = await within(reason, DEADLINE_MS, `disconnect by ${way}`)
    const wanted = {
      client: 'io client disconnect',
      server: 'io server disconnect',
      'server closes': 'io server disconnect',
      cut: 'forced close',
    }[way]
    if (told !== wanted) tally.fail(`${this.#name}: disconnect by ${way} is told as ${told}`)
    tally.add(`disconnects by ${way}`)
  }
}
