// The bytes of adapter messages, and what comes of bytes that are none.
import { ProtocolError } from '@tidewire/protocol'
import { expect, it } from 'vitest'
import fc from 'fast-check'
import {
  MESSAGE,
  readChanges,
  readSelection,
  writeChanges,
  writeSelection,
} from '../../src/wire/adapter-messages.ts'
import { MessageReader, MessageWriter } from '../../src/wire/bytes.ts'

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

it('[CLU-92] format 1 is what its first release wrote', () => {
  const writer = new MessageWriter()
  const selection = {
    rooms: new Set(['r', '汉']),
    except: new Set(['x']),
    flags: { volatile: true, compress: false, timeout: 300 },
  }

  writeSelection(writer.start(MESSAGE.broadcast).number(300), selection, true).body({
    json: '["a"]',
    attachments: [new Uint8Array([1, 2])],
  })
  expect(hex(writer.message)).toBe(
    ['07ac02', '1b', 'ac02', '02', '0172', '03e6b189', '01', '0178', '055b2261225d', '01', '020102'].join(''),
  )
  writeChanges(
    writer.start(MESSAGE.interest).number(1).number(2).byte(0),
    new Map([
      ['r', true],
      ['s', false],
    ]),
  )
  expect(hex(writer.message)).toBe(['04010200', '02', '010172', '000173'].join(''))
  expect(Object.values(MESSAGE)).toEqual(Array.from({ length: 20 }, (_, n) => n + 1))
})

it('[CLU-92] what is written is read', () => {
  const writer = new MessageWriter()
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.string({ unit: 'grapheme' })),
      fc.uniqueArray(fc.string()),
      fc.record(
        { volatile: fc.constant(true), compress: fc.boolean(), timeout: fc.nat() },
        { requiredKeys: [] },
      ),
      fc.string({ unit: 'grapheme' }),
      fc.array(fc.uint8Array()),
      fc.maxSafeNat(),
      (rooms, except, flags, json, attachments, number) => {
        const options = { rooms: new Set(rooms), except: new Set(except), flags }
        writeSelection(writer.start(1).number(number), options, false).body({ json, attachments })
        const reader = new MessageReader(writer.message)

        expect([reader.byte(), reader.number()]).toEqual([1, number])
        expect(readSelection(reader)).toEqual({ options, isFlood: false })
        const body = reader.body()
        expect([body.json, body.attachments.map(hex), reader.isAtEnd]).toEqual([
          json,
          attachments.map(hex),
          true,
        ])
      },
    ),
  )
})

it('[CLU-90] whatever the bytes are, nothing but a protocol error is thrown', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
      for (const read of [
        readSelection,
        (reader: MessageReader) => readChanges(reader, () => {}),
        (reader: MessageReader) => reader.body(),
      ]) {
        try {
          read(new MessageReader(bytes))
        } catch (error) {
          expect(error).toBeInstanceOf(ProtocolError)
        }
      }
    }),
    { numRuns: 2_000 },
  )
})
