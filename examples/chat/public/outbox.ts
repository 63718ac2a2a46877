// Text that is not sent yet survives a reload: it waits in the browser's storage, per user. Images do not, they are too big.
import type { Pending } from './model.ts'

const key = (user: string): string => `tidewire-chat.outbox.${user}`

export function saveOutbox(user: string, pending: readonly Pending[]): void {
  const texts = pending.filter(({ image }) => image === undefined)
  if (texts.length === 0) localStorage.removeItem(key(user))
  else localStorage.setItem(key(user), JSON.stringify(texts))
}

export function loadOutbox(user: string): Pending[] {
  try {
    const value: unknown = JSON.parse(localStorage.getItem(key(user)) ?? '[]')
    return Array.isArray(value) ? (value as Pending[]) : []
  } catch {
    return []
  }
}
