// Where ours ends otherwise than socket.io 4.8.4, by name and with the reason. In: a cell. Out: what ours must leave.
import type { Ending, Seen } from './cell.ts'

export interface EndingDifference {
  reason: string
  /** The official process ends there: nothing to compare with. */
  crashesOfficial?: true
  log: string[]
}

const gone = (reason: string): string[] => [`disconnecting: ${reason}, in 2 rooms`, `disconnect: ${reason}`]

const DIFFERENCES: Record<string, Partial<Record<Ending, EndingDifference>>> = {
  'flood in one POST': {
    'the client sends a close frame': {
      reason: 'what comes before the close packet in one POST is handled; officially all of it is dropped',
      log: ['connection', '2000 events', ...gone('transport close')],
    },
    'the client sends DISCONNECT': {
      reason: 'what comes before DISCONNECT in one POST is handled; officially all of it is dropped',
      log: ['connection', '2000 events', ...gone('client namespace disconnect')],
    },
  },
  'a word after the end': {
    'the client sends a close frame': {
      reason:
        'a session ends with the close frame of its client; officially with the connection, and what is sent in between is "transport error"',
      log: ['connection', ...gone('transport close')],
    },
  },
  'async allowRequest': {
    'the client resets': {
      reason:
        'officially the reset of a connection that waits for allowRequest is an uncaught error, which ends the process',
      crashesOfficial: true,
      log: ['allowRequest'],
    },
    'the client sends a close frame': {
      reason:
        'a close frame is "transport close", whenever it comes; officially it is "transport error" here, for what is sent after it',
      log: ['allowRequest', 'connection', ...gone('transport close')],
    },
    'the client sends DISCONNECT': {
      reason: 'CONNECT and DISCONNECT in one read are a connection and its end; officially there was none',
      log: ['allowRequest', 'connection', ...gone('client namespace disconnect')],
    },
  },
}

export function differenceIn(situation: string, ending: Ending): EndingDifference | undefined {
  return DIFFERENCES[situation]?.[ending]
}

/** Nothing is left of anybody; the main namespace stays. */
export const NOTHING_LEFT: Seen['left'] = { sessions: 0, sockets: 0, rooms: 0, sids: 0, namespaces: 1 }

export const NOTHING_COUNTED: Seen['stats'] = {
  open: 0,
  unclosed: 0,
  sockets: 0,
  namespaces: 1,
  rooms: 0,
  outbox: { bytes: 0, sessions: 0, maxPressure: 0 },
}
