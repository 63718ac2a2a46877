// The dialog that starts a conversation: with one person, or a group.
import type { Connection } from './connection.ts'
import { h } from './dom.ts'
import { t } from './i18n.ts'
import type { Model } from './model.ts'

export function showNewConversation(
  model: Model,
  connection: Connection,
  opened: (id: string) => void,
): void {
  const others = [...model.users.keys()].filter((name) => name !== model.me)
  const who = h('input', {
    id: 'direct-name',
    maxlength: 32,
    list: 'people',
    autocomplete: 'off',
    'data-testid': 'direct-name',
  })
  const title = h('input', {
    id: 'group-title',
    maxlength: 60,
    autocomplete: 'off',
    'data-testid': 'group-title',
  })
  const members = h('input', {
    id: 'group-members',
    autocomplete: 'off',
    placeholder: t('groupMembersHint'),
    'data-testid': 'group-members',
  })
  const problem = h('p', { class: 'problem', role: 'alert', 'data-testid': 'dialog-problem' })

  const attempt = async (action: () => Promise<string>): Promise<void> => {
    problem.textContent = ''
    try {
      const id = await action()
      dialog.close()
      opened(id)
    } catch (error) {
      problem.textContent = error instanceof Error && error.name === 'Refusal' ? error.message : t('noAnswer')
    }
  }
  const toList = (text: string): string[] =>
    text
      .split(/[,，、;；]/)
      .map((name) => name.trim())
      .filter(Boolean)
  const direct = h(
    'form',
    {
      onsubmit: (event: Event) => {
        event.preventDefault()
        if (who.value.trim() !== '') void attempt(() => connection.openDirect(who.value.trim()))
      },
    },
    h('h3', {}, t('direct')),
    h('label', { for: 'direct-name' }, t('withWhom')),
    who,
    h('datalist', { id: 'people' }, ...others.map((name) => h('option', { value: name }))),
    h('button', { type: 'submit', class: 'primary', 'data-testid': 'direct-create' }, t('create')),
  )
  const group = h(
    'form',
    {
      onsubmit: (event: Event) => {
        event.preventDefault()
        if (title.value.trim() !== '')
          void attempt(() => connection.createGroup(title.value, toList(members.value)))
      },
    },
    h('h3', {}, t('group')),
    h('label', { for: 'group-title' }, t('groupTitle')),
    title,
    h('label', { for: 'group-members' }, t('groupMembers')),
    members,
    h(
      'div',
      { class: 'chips' },
      ...others.slice(0, 24).map((name) =>
        h(
          'button',
          {
            type: 'button',
            class: model.isOnline(name) ? 'chip is-online' : 'chip',
            onclick: () => {
              const names = toList(members.value)
              members.value = (
                names.includes(name) ? names.filter((one) => one !== name) : [...names, name]
              ).join(', ')
            },
          },
          name,
        ),
      ),
    ),
    h('button', { type: 'submit', class: 'primary', 'data-testid': 'group-create' }, t('create')),
  )
  const dialog = h(
    'dialog',
    {
      class: 'dialog',
      'aria-labelledby': 'dialog-title',
      'data-testid': 'dialog',
      onclose: () => dialog.remove(),
    },
    h('h2', { id: 'dialog-title' }, t('newConversation')),
    direct,
    group,
    problem,
    h('button', { class: 'quiet', onclick: () => dialog.close() }, t('cancel')),
  )
  document.body.append(dialog)
  dialog.showModal()
  who.focus()
}
