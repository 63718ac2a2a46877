// How costs grow: the same work at 100, 1,000 and 10,000 connections, with 1 to 1,000 rooms a socket, and storms of connections that come and go
// with their rooms. Each cell is a scenario of its own, made from its name (`echo@1000`, `join@1000x100`), so that a round is run as any other.
import { broadcastLoad, echoLoad, openIdle } from './generator/loads.ts'
import { stormLoad } from './generator/storms.ts'
import type { Run } from './report.ts'
import { figure } from './report.ts'
import type { Scenario } from './scenarios.ts'

interface Row {
  says: string
  operation: string
  metric: Scenario['metric']
  /** Of each cell: connections, or connections and rooms a socket. */
  cells: readonly (readonly [connections: number, rooms: number])[]
  open?: (port: number, connections: number, rooms: number, fail: (error: Error) => void) => ReturnType<NonNullable<Scenario['open']>>
  /** What one cell's figure is divided by, to compare it with the others. */
  divisor?: (connections: number, rooms: number) => number
}

const BY_CONNECTIONS = [[100, 0], [1_000, 0], [10_000, 0]] as const
const BY_CONNECTIONS_IN_A_ROOM = [[100, 10], [1_000, 10], [10_000, 10]] as const
const BY_ROOMS = [[1_000, 1], [1_000, 10], [1_000, 100], [1_000, 1_000]] as const
const perRoom = (_connections: number, rooms: number): number => rooms

export const rows: Readonly<Record<string, Row>> = {
  echo: {
    says: 'one acknowledged emit under way on each of 100 connections, the others idle',
    operation: 'emit',
    metric: 'cpu',
    cells: BY_CONNECTIONS,
    async open(port, connections, _rooms, fail) {
      await openIdle(port, connections - 100, fail)
      return echoLoad(port, { connections: 100, binary: false }, fail)
    },
  },
  echoes: {
    says: 'one acknowledged emit under way on every connection',
    operation: 'emit',
    metric: 'cpu',
    cells: BY_CONNECTIONS,
    open: (port, connections, _rooms, fail) => echoLoad(port, { connections, binary: false }, fail),
  },
  room: {
    says: 'broadcasts to one room that all are in, the next when the last has arrived',
    operation: 'delivery',
    metric: 'cpu',
    cells: BY_CONNECTIONS,
    open: (port, connections, _rooms, fail) => broadcastLoad(port, { rooms: 1, size: connections, batch: 1 }, fail),
  },
  rooms: {
    says: 'broadcasts to 20 of the rooms of 5 at once',
    operation: 'delivery',
    metric: 'cpu',
    cells: BY_CONNECTIONS,
    open: (port, connections, _rooms, fail) => broadcastLoad(port, { rooms: connections / 5, size: 5, batch: 20, pauseMs: 1 }, fail),
  },
  idle: { says: 'idle connections', operation: 'connection', metric: 'memory', cells: BY_CONNECTIONS.slice(1) },
  arrive: {
    says: 'connections that come as fast as they are accepted, each with 10 rooms',
    operation: 'connection',
    metric: 'cpu',
    cells: BY_CONNECTIONS_IN_A_ROOM,
    open: (port, connections, rooms, fail) => stormLoad(port, { connections, rooms, measures: 'arrival' }, fail),
  },
  leave: {
    says: 'the same connections, gone at once',
    operation: 'connection',
    metric: 'cpu',
    cells: BY_CONNECTIONS_IN_A_ROOM,
    open: (port, connections, rooms, fail) => stormLoad(port, { connections, rooms, measures: 'departure' }, fail),
  },
  'arrive with rooms': {
    says: '1,000 connections that come with 1 to 1,000 rooms each',
    operation: 'connection and room',
    metric: 'cpu',
    cells: BY_ROOMS,
    open: (port, connections, rooms, fail) => stormLoad(port, { connections, rooms, measures: 'arrival' }, fail),
    divisor: perRoom,
  },
  'leave with rooms': {
    says: 'the same connections, gone at once',
    operation: 'connection and room',
    metric: 'cpu',
    cells: BY_ROOMS,
    open: (port, connections, rooms, fail) => stormLoad(port, { connections, rooms, measures: 'departure' }, fail),
    divisor: perRoom,
  },
  'room of many': {
    says: 'broadcasts to one of the rooms, all 1,000 connections in 1 to 1,000 of them',
    operation: 'delivery',
    metric: 'cpu',
    cells: BY_ROOMS,
    open: (port, connections, rooms, fail) => broadcastLoad(port, { rooms: 1, size: connections, batch: 1, joined: rooms }, fail),
  },
}

const nameOf = (row: string, [connections, rooms]: readonly [number, number]): string => `${row}@${connections}x${rooms}`

/** All cells, in the order of the table. */
export const cellNames: readonly string[] = Object.entries(rows).flatMap(([row, { cells }]) => cells.map((cell) => nameOf(row, cell)))

export function cellScenario(name: string): Scenario | undefined {
  const [rowName = '', size = ''] = name.split('@')
  const row = rows[rowName]
  if (row === undefined) return undefined
  const [connections = 0, rooms = 0] = size.split('x').map(Number)
  const { says, operation, metric, open } = row
  return {
    says,
    operation,
    metric,
    connections,
    warmUp: 2_000,
    ...(open === undefined ? {} : { open: (port, _scale, fail) => open(port, connections, rooms, fail) }),
  }
}

const shown = (value: number, metric: Scenario['metric']): string =>
  metric === 'memory' ? `${(value / 1024).toFixed(1)} KB` : `${value.toFixed(value < 1 ? 2 : 1)} µs`

/** One line a row: its cells, and how the last compares with the first. */
export function scaleTable(run: Run): string {
  const lines = Object.entries(rows).flatMap(([name, row]) => {
    const values = row.cells.map((cell) => {
      const samples = run.samples[nameOf(name, cell)]?.['tidewire'] ?? []
      return figure(samples).median / (row.divisor?.(...cell) ?? 1)
    })
    if (values.every(Number.isNaN)) return []
    const sizes = row.cells.map(([connections, rooms]) => (row.cells === BY_ROOMS ? `${rooms} rooms` : connections.toLocaleString('en')))
    const cells = values.map((value, index) => `${sizes[index]}: ${shown(value, row.metric)}`).join(' · ')
    return [`| ${name} | ${row.operation} | ${cells} | ${(values.at(-1)! / values[0]!).toFixed(2)} | ${row.says} |`]
  })
  return [
    `Measured ${run.at} on ${run.machine}. ${run.versions}; ${run.servers['tidewire']}. Medians of ${run.rounds} rounds; CPU of the server, resident memory for idle.`,
    '',
    '| what | cost of one | at | last to first | |',
    '|---|---|---|---|---|',
    ...lines,
    '',
  ].join('\n')
}
