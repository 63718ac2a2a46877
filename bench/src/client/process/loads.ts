// What a measured client does, one function a figure. In: the `io` of a client package and a server. Out: a sample. The same calls for every
// client: nothing but what the official documentation shows.
import process from 'node:process'

export interface Target {
  /** The `io` of the package. */
  readonly io: (url: string, options: object) => any
  readonly url: string
  /** `performance.now()` before the package was loaded. */
  readonly began: number
  readonly seconds: number
  /** Divides numbers of connections, and of operations before the measuring. */
  readonly shrink: number
}

export interface ClientSample {
  /** Microseconds of CPU, user and system, of all threads of the client's process for each operation; bytes; or milliseconds. */
  readonly value: number
  readonly operations: number
  /** Of one core; 0 where time is not what is measured. */
  readonly share: number
}

type Load = (target: Target) => Promise<ClientSample>

const TEXT = 'x'.repeat(100)
const SHORT_TEXT = 'x'.repeat(20)
const RECORDS = Array.from({ length: 100 }, (_, id) => ({
  id,
  name: `name ${id}`,
  tags: ['a', 'b'],
  place: { x: id / 7, isNear: true },
}))
const BURST = 50

const scaled = (count: number, shrink: number): number => Math.ceil(count / shrink)

function open({ io, url }: Target, options: object): Promise<any> {
  return new Promise((resolve, reject) => {
    const socket = io(url, { forceNew: true, reconnection: false, ...options })
    socket.once('connect', () => resolve(socket))
    socket.once('connect_error', reject)
  })
}

/** Starts the work, which counts by calling `done`, and measures it once it is warm. */
async function cpuOf(
  { seconds, shrink }: Target,
  warmUp: number,
  start: (done: () => void, fail: (error: Error) => void) => unknown,
): Promise<ClientSample> {
  let operations = 0
  const notice = { at: scaled(warmUp, shrink), tell: (): void => {} }
  const isWarm = new Promise<void>((resolve) => (notice.tell = resolve))
  const failed = new Promise<never>((_resolve, reject) => {
    start(() => {
      if (++operations === notice.at) notice.tell()
    }, reject)
  })
  await Promise.race([isWarm, failed])
  const [cpuBefore, operationsBefore, began] = [process.cpuUsage(), operations, performance.now()]
  const isOver = new Promise((resolve) => setTimeout(resolve, 1_000 * seconds))
  await Promise.race([isOver, failed])
  const { user, system } = process.cpuUsage(cpuBefore)
  const measured = operations - operationsBefore
  return {
    value: (user + system) / measured,
    operations: measured,
    share: (user + system) / 1_000 / (performance.now() - began),
  }
}

/** Acknowledged emits that are echoed: so many connections, so many under way on each. */
function echoes({
  connections,
  underWay,
  value,
  transport,
}: {
  connections: number
  underWay: number
  value: unknown
  transport: string
}): Load {
  return async (target) => {
    const sockets = await Promise.all(
      Array.from({ length: scaled(connections, target.shrink) }, () =>
        open(target, { transports: [transport] }),
      ),
    )
    const length = (value as { length: number }).length
    return cpuOf(target, transport === 'polling' ? 2_000 : 10_000, (done, fail) => {
      for (const socket of sockets) {
        socket.once('disconnect', (reason: string) => fail(new Error(`disconnected: ${reason}`)))
        const next = (): void =>
          socket.emit('echo', value, (answer: { length: number }) => {
            if (answer.length !== length) return fail(new Error('the echo is another'))
            done()
            next()
          })
        for (let n = 0; n < underWay; n++) next()
      }
    })
  }
}

/** Connections that come and go, ten at once. `isReady` calls back when one has all it wants. */
function connects(options: object, isReady: (socket: any, done: () => void) => void): Load {
  return (target) =>
    cpuOf(target, 300, (done, fail) => {
      const next = (): void => {
        open(target, options).then((socket) => {
          isReady(socket, () => {
            socket.disconnect()
            done()
            next()
          })
        }, fail)
      }
      for (let n = 0; n < 10; n++) next()
    })
}

function heapBytes(): number {
  for (let pass = 0; pass < 4; pass++) globalThis.gc!()
  return process.memoryUsage().heapUsed
}

export const loads: Readonly<Record<string, Load>> = {
  echo: echoes({ connections: 20, underWay: 1, value: TEXT, transport: 'websocket' }),
  echoes: echoes({ connections: 1, underWay: 16, value: TEXT, transport: 'websocket' }),
  poll: echoes({ connections: 10, underWay: 1, value: TEXT, transport: 'polling' }),
  binary: echoes({ connections: 20, underWay: 1, value: Buffer.alloc(1_024, 7), transport: 'websocket' }),

  page: echoes({ connections: 10, underWay: 1, value: TEXT, transport: 'websocket' }),
  'page-json': echoes({ connections: 10, underWay: 1, value: RECORDS, transport: 'websocket' }),

  async broadcast(target) {
    const socket = await open(target, { transports: ['websocket'], query: { room: 'news' } })
    return cpuOf(target, 50_000, (done, fail) => {
      let due = BURST
      socket.once('disconnect', (reason: string) => fail(new Error(`disconnected: ${reason}`)))
      socket.on('news', (text: string) => {
        if (text.length !== SHORT_TEXT.length) return fail(new Error('another text than was sent'))
        done()
        if (--due > 0) return
        due = BURST
        socket.emit('publish', 'news', SHORT_TEXT, BURST)
      })
      socket.emit('publish', 'news', SHORT_TEXT, BURST)
    })
  },

  connect: connects({ transports: ['websocket'] }, (_socket, done) => done()),
  upgrade: connects({}, (socket, done) => {
    const { engine } = socket.io
    if (engine.transport.name === 'websocket') done()
    else engine.once('upgrade', done)
  }),

  async idle(target) {
    const count = scaled(1_000, target.shrink)
    // What the first connection loads belongs to no client in particular.
    const first = await open(target, { transports: ['websocket'] })
    const before = heapBytes()
    const sockets: any[] = [first]
    while (sockets.length <= count) {
      const more = Math.min(50, count + 1 - sockets.length)
      sockets.push(
        ...(await Promise.all(
          Array.from({ length: more }, () => open(target, { transports: ['websocket'] })),
        )),
      )
    }
    // What a closed turn leaves behind is gone a moment later.
    await new Promise((resolve) => setTimeout(resolve, 1_000 * target.seconds))
    return {
      value: (heapBytes() - before) / count,
      operations: sockets.filter(({ connected }) => connected).length - 1,
      share: 0,
    }
  },

  async first(target) {
    await open(target, {})
    return { value: performance.now() - target.began, operations: 1, share: 0 }
  },
}
