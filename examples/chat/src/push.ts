// Messages from a back end, `{ type, from, to, msgContent, msgTime }`, whichever way they came (Socket.IO event "2", Kafka,
// HTTP): checked here, stored and handed to the members of the conversation. What cannot be delivered is a `PushError`.
import type { Conversations } from './conversations.ts'
import { MAX_TEXT_LENGTH } from './limits.ts'

export interface Push {
  /** The back end's own classification, kept and shown with the message. Default "text". */
  type: string
  from: string
  /** The id of a conversation, or the name of a user (then: the direct conversation with `from`). */
  to: string
  msgContent: string
  /** Milliseconds since 1970. Default: now. */
  msgTime: number
}

export interface PushResult {
  ok: true
  conversation: string
  seq: number
  /** Members connected now. */
  online: number
  /** True when this push had come before, under the same key; nothing was sent again. */
  duplicate: boolean
}

export type PushErrorCode = 'INVALID_PUSH' | 'UNKNOWN_TARGET'

export class PushError extends Error {
  override name = 'PushError'
  readonly code: PushErrorCode
  readonly reasons: readonly string[]

  constructor(code: PushErrorCode, reasons: readonly string[]) {
    super(reasons.join('; '))
    this.code = code
    this.reasons = reasons
  }

  toJSON(): { ok: false; error: PushErrorCode; reasons: readonly string[] } {
    return { ok: false, error: this.code, reasons: this.reasons }
  }
}

/** Checks what a back end sent: an object, or its JSON text. Names everything that is wrong with it, not only the first. */
export function parsePush(input: unknown): Push {
  const value = typeof input === 'string' ? parseJson(input) : input
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new PushError('INVALID_PUSH', [
      `expected an object {type, from, to, msgContent, msgTime}; got ${describe(value)}`,
    ])
  }
  const fields = value as Record<string, unknown>
  const reasons: string[] = []
  const text = (name: string, max: number, fallback?: string): string => {
    const field = fields[name] ?? fallback
    if (typeof field !== 'string') reasons.push(`${name} must be a string; got ${describe(field)}`)
    else if (field.trim() === '') reasons.push(`${name} must not be empty`)
    else if (field.length > max)
      reasons.push(`${name} has ${field.length} characters; at most ${max} are allowed`)
    else return field
    return ''
  }
  const type = typeof fields['type'] === 'number' ? String(fields['type']) : text('type', 64, 'text')
  const push: Push = {
    type,
    from: text('from', 64),
    to: text('to', 128),
    msgContent: text('msgContent', MAX_TEXT_LENGTH),
    msgTime: parseTime(fields['msgTime'], reasons),
  }
  if (reasons.length > 0) throw new PushError('INVALID_PUSH', reasons)
  return push
}

export interface PushTarget {
  conversations: Conversations
  /** How many of these users are connected. */
  countOnline(names: readonly string[]): number
}

/** Stores the push and hands it to the members who are online. The same `idempotencyKey` delivers once. */
export function deliverPush(input: unknown, target: PushTarget, idempotencyKey?: string): PushResult {
  const { type, from, to, msgContent, msgTime } = parsePush(input)
  const conversation = target.conversations.resolve(from, to)
  if (conversation === undefined) {
    throw new PushError('UNKNOWN_TARGET', [
      `to: there is no conversation and no user "${to}"; the id of a conversation is shown under its title`,
    ])
  }
  const { message, isNew } = target.conversations.post({
    conversation: conversation.id,
    from,
    text: msgContent,
    time: msgTime,
    pushType: type,
    ...(idempotencyKey === undefined ? {} : { dedupeKey: `push/${idempotencyKey}` }),
  })
  const names = conversation.members.map((member) => member.name)
  return {
    ok: true,
    conversation: message.conversation,
    seq: message.seq,
    online: target.countOnline(names),
    duplicate: !isNew,
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new PushError('INVALID_PUSH', [`not JSON: ${(error as Error).message}`])
  }
}

/** Milliseconds as a number or as digits, or a date text such as 2026-01-31T12:00:00Z. */
function parseTime(value: unknown, reasons: string[]): number {
  if (value === undefined || value === null) return Date.now()
  const time = typeof value === 'string' ? (/^\d+$/.test(value) ? Number(value) : Date.parse(value)) : value
  if (typeof time === 'number' && Number.isFinite(time) && time >= 0 && time <= 8.64e15)
    return Math.trunc(time)
  reasons.push(
    `msgTime must be milliseconds since 1970 or a date such as 2026-01-31T12:00:00Z; got ${describe(value)}`,
  )
  return 0
}

function describe(value: unknown): string {
  if (value === undefined) return 'nothing'
  const json = JSON.stringify(value) ?? typeof value
  return json.length > 60 ? `${json.slice(0, 60)}…` : json
}
