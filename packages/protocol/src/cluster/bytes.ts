// What frames and hellos share: numbers, incarnations and names of numbers, read with checks. Throws nothing but ProtocolError.
import { ProtocolError } from '../errors.ts'
import { INCARNATION_BYTES } from './format.ts'

export function fail(message: string): never {
  throw new ProtocolError('TW_ERR_CLUSTER_FRAME', message)
}

export function readUint32(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0
}

export function writeUint32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24
  bytes[at + 1] = value >>> 16
  bytes[at + 2] = value >>> 8
  bytes[at + 3] = value
}

/** Eight bytes, of which JavaScript's integers fill 53 bits. */
export function readUint53(bytes: Uint8Array, at: number): number {
  const high = readUint32(bytes, at)
  if (high > 0x1f_ffff) fail('a number is above 2^53')
  return high * 0x1_0000_0000 + readUint32(bytes, at + 4)
}

export function writeUint53(bytes: Uint8Array, at: number, value: number): void {
  writeUint32(bytes, at, Math.floor(value / 0x1_0000_0000))
  writeUint32(bytes, at + 4, value % 0x1_0000_0000)
}

export function writeIncarnation(bytes: Uint8Array, at: number, incarnation: string): void {
  for (let i = 0; i < INCARNATION_BYTES; i++) bytes[at + i] = incarnation.charCodeAt(i)
}

export function readIncarnation(bytes: Uint8Array, at: number): string {
  for (let i = 0; i < INCARNATION_BYTES; i++)
    if (IS_ID_CHAR[bytes[at + i]!] !== 1) fail('an incarnation is not four characters of [A-Za-z0-9_-]')
  return String.fromCharCode(bytes[at]!, bytes[at + 1]!, bytes[at + 2]!, bytes[at + 3]!)
}

/** [A-Za-z0-9_-], by code. */
const IS_ID_CHAR = new Uint8Array(256)
for (const char of 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-')
  IS_ID_CHAR[char.charCodeAt(0)] = 1

/** The name of a number on the wire. */
export function namesOf<Name extends string>(
  numbers: Readonly<Record<Name, number>>,
): readonly (Name | undefined)[] {
  const names: (Name | undefined)[] = []
  for (const name of Object.keys(numbers) as Name[]) names[numbers[name]] = name
  return names
}
