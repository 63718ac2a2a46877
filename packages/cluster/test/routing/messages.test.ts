// Messages of session routing, byte for byte: nodes of two releases run side by side during a deploy.
import { describe, expect, it } from 'vitest'
import type { PollAnswer, PollExchange } from 'tidewire'
import { MessageReader, MessageWriter } from '../../src/wire/bytes.ts'
import {
  KIND,
  readAnswer,
  readFacts,
  readOpen,
  readPacket,
  readPoll,
  readRefusal,
  writeAnswer,
  writeFacts,
  writeOpen,
  writePacket,
  writePoll,
  writeRefusal,
} from '../../src/routing/messages.ts'

const bytesOf = (kind: number, number: number, write: (writer: MessageWriter) => unknown): string => {
  const writer = new MessageWriter().start(kind).number(number)
  write(writer)
  return Buffer.from(writer.message).toString('latin1')
}
const readerOf = (text: string): MessageReader => {
  const reader = new MessageReader(Buffer.from(text, 'latin1'))
  reader.byte()
  reader.number()
  return reader
}
const SID = 'abcdEFGH0123456789-_'

describe('messages of session routing', () => {
  it('[CLU-1] have the kinds of their first release', () => {
    expect(KIND).toEqual({
      ready: 1,
      leaving: 2,
      poll: 3,
      aborted: 4,
      flushed: 5,
      unwritten: 6,
      stillWaiting: 7,
      open: 8,
      packet: 9,
      taken: 10,
      closed: 11,
      malformed: 12,
      dismiss: 13,
      answer: 32,
      refused: 33,
      destroy: 34,
      ask: 35,
      accepted: 36,
      frames: 37,
      close: 38,
    })
  })

  it('[CLU-1] write and read polls as their first release did', () => {
    const exchange = { method: 'POST', isBinary: true, stamp: 't1' } as PollExchange
    const request = { sid: SID, isV4: false, supportsBinary: true }
    const text = bytesOf(KIND.poll, 300, (writer) => writePoll(writer, request, exchange, Buffer.from('4hi')))
    expect(text).toBe(`\x03\xac\x02\x0e\x02\x14${SID}\x02t1\x034hi`)
    expect(readPoll(readerOf(text))).toEqual({
      request: { ...request, method: 'POST', isBinary: true, stamp: 't1' },
      body: Buffer.from('4hi'),
    })
    const get = bytesOf(KIND.poll, 1, (writer) =>
      writePoll(
        writer,
        { ...request, isV4: true },
        { method: 'GET', isBinary: false } as PollExchange,
        Buffer.alloc(0),
      ),
    )
    expect(get).toBe(`\x03\x01\x03\x01\x14${SID}\x00`)
  })

  it('[CLU-1] write and read answers as their first release did', () => {
    const answers: [PollAnswer, string][] = [
      [
        { status: 200, contentType: 'text/plain', body: 'é', isCompressible: true },
        '\x20\x07\xc8\x01\x07\x0atext/plain\x02\xc3\xa9',
      ],
      [
        { status: 200, contentType: 'b', body: Buffer.from([1, 255]), isCompressible: false },
        '\x20\x07\xc8\x01\x04\x01b\x02\x01\xff',
      ],
      [{ status: 400 }, '\x20\x07\x90\x03\x00\x00'],
    ]
    for (const [answer, expected] of answers) {
      const text = bytesOf(KIND.answer, 7, (writer) => writeAnswer(writer, answer))
      expect(text).toBe(expected)
      expect(readAnswer(readerOf(text))).toEqual(answer)
    }
    const reason = { code: 1, message: 'Session ID unknown', status: 400 }
    const refusal = bytesOf(KIND.refused, 7, (writer) => writeRefusal(writer, reason))
    expect(refusal).toBe('\x21\x07\x36{"code":1,"message":"Session ID unknown","status":400}')
    expect(readRefusal(readerOf(refusal))).toEqual(reason)
  })

  it('[CLU-1] write and read what belongs to WebSockets as their first release did', () => {
    const request = { sid: SID, isV4: true, supportsBinary: false }
    const open = bytesOf(KIND.open, 2, (writer) => writeOpen(writer, request))
    expect(open).toBe(`\x08\x02\x01\x14${SID}`)
    expect(readOpen(readerOf(open))).toEqual(request)
    for (const [packet, expected] of [
      [{ type: 'message', data: 'hé' }, '\x09\x02\x04\x03h\xc3\xa9'],
      [{ type: 'message', data: Buffer.from([9]) }, '\x09\x02\x84\x01\x09'],
      [{ type: 'ping', data: 'probe' }, '\x09\x02\x02\x05probe'],
      [{ type: 'upgrade', data: '' }, '\x09\x02\x05\x00'],
    ] as const) {
      const text = bytesOf(KIND.packet, 2, (writer) => writePacket(writer, packet))
      expect(text).toBe(expected)
      expect(readPacket(readerOf(text))).toEqual(packet)
    }
    const close = bytesOf(KIND.close, 2, (writer) => writeFacts(writer, { discard: true, code: 1001 }))
    expect(close).toBe('\x26\x02\x1c{"discard":true,"code":1001}')
    expect(readFacts(readerOf(close))).toEqual({ discard: true, code: 1001 })
  })

  it('[CLU-3] that are cut off, or hold what there is not, are protocol errors', () => {
    const text = bytesOf(KIND.packet, 2, (writer) =>
      writePacket(writer, { type: 'message', data: 'long enough' }),
    )
    for (let end = 2; end < text.length; end++)
      expect(() => readPacket(readerOf(text.slice(0, end)))).toThrow('Malformed message')
    expect(() => readPacket(readerOf('\x09\x02\x0f\x00'))).toThrow('there is no packet type 15')
    expect(() => readFacts(readerOf('\x26\x02\x01{'))).toThrow('its JSON is none')
  })
})
