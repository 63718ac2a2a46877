// How names and times look.
import { h } from './dom.ts'
import { currentLanguage, t } from './i18n.ts'

/** The first letter on a colour that is always the same for the same name. */
export function avatar(name: string, isGroup: boolean, isOnline: boolean): HTMLElement {
  let hash = 0
  for (const char of name) hash = (hash * 31 + char.codePointAt(0)!) >>> 0
  const [first = '?'] = name
  return h(
    'span',
    { class: isGroup ? `avatar hue-${hash % 8} is-group` : `avatar hue-${hash % 8}`, 'aria-hidden': 'true' },
    first.toUpperCase(),
    isOnline && h('span', { class: 'dot', 'data-testid': 'online-dot' }),
  )
}

const locale = (): string => (currentLanguage() === 'zh' ? 'zh-CN' : 'en')

export function clock(time: number): string {
  return new Date(time).toLocaleTimeString(locale(), { hour: '2-digit', minute: '2-digit' })
}

export function day(time: number): string {
  const date = new Date(time)
  const today = new Date()
  if (date.toDateString() === today.toDateString()) return t('today')
  today.setDate(today.getDate() - 1)
  if (date.toDateString() === today.toDateString()) return t('yesterday')
  return date.toLocaleDateString(locale(), { year: 'numeric', month: 'long', day: 'numeric' })
}

/** The time today, the day before that. */
export function shortTime(time: number): string {
  const date = new Date(time)
  if (date.toDateString() === new Date().toDateString()) return clock(time)
  return date.toLocaleDateString(locale(), { month: 'short', day: 'numeric' })
}
