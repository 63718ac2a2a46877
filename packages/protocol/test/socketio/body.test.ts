// Bodies: what nodes exchange of an event, and the text that clients get of it.
import { expect, it } from 'vitest'
import { PacketType, ProtocolError, decodeBody, encodeBody, encodeSocketPacket, eventText } from '@tidewire/protocol'

const VALUES: Record<string, unknown[]> = {
  'text in every script': ['news', '汉字 🚀', { n: 1, deep: [null, { a: true }] }],
  'a bare event': ['x'],
  'a number as its name': [42, 'x'],
  'binary in three forms': ['b', new Uint8Array([1, 2]), { at: [Buffer.from([3]), new Uint16Array([4])] }],
  'what looks like a head': ['0["'],
}

it.each(Object.entries(VALUES))('a body with %s is what the encoder writes after the head', (_what, data) => {
  const body = encodeBody(data)

  for (const [nsp, id] of [['/', undefined], ['/chat', 12]] as const) {
    const packet = { type: PacketType.EVENT, nsp, data, ...(id === undefined ? {} : { id }) }
    expect([eventText(body, nsp, id), ...body.attachments]).toEqual(encodeSocketPacket(packet))
  }
})

it('a body comes back as it was, binary included', () => {
  const body = encodeBody(['b', { bytes: new Uint8Array([1, 2]) }, [Buffer.from([3])]])
  const data = decodeBody(body) as [string, { bytes: Uint8Array }, [Uint8Array]]

  expect(data[0]).toBe('b')
  expect([...data[1].bytes]).toEqual([1, 2])
  expect([...data[2][0]]).toEqual([3])
})

it('a body that nobody made is a protocol error', () => {
  const bytes = new Uint8Array([1])
  for (const body of [
    { json: '', attachments: [] },
    { json: '{"a":1}', attachments: [] },
    { json: '["x"', attachments: [] },
    { json: '[{"_placeholder":true,"num":3}]', attachments: [bytes] },
  ]) {
    expect(() => decodeBody(body)).toThrow(ProtocolError)
  }
})
