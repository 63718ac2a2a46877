// What the page says, in English and Chinese.
const TEXTS = {
  en: {
    yourName: 'Your name',
    enter: 'Enter',
    signOut: 'Leave',
    people: 'People',
    newGroup: 'New group with everybody selected',
    create: 'Create',
    send: 'Send',
    pick: 'Pick a conversation, or a person to write to.',
    write: 'Write a message',
    offline: 'No connection. What you write is sent when it is back.',
    connecting: 'Connecting…',
    typing: (who) => `${who} is typing…`,
    online: 'online',
    away: 'offline',
    members: (count) => `${count} members`,
    image: 'Image',
    tooLarge: (kB) => `An image has at most ${kB} kB.`,
    states: { sending: 'sending', sent: 'sent', delivered: 'delivered', read: 'read', failed: 'not sent: tap to try again' },
    language: '中文',
  },
  zh: {
    yourName: '你的名字',
    enter: '进入',
    signOut: '退出',
    people: '联系人',
    newGroup: '用勾选的人新建群聊',
    create: '创建',
    send: '发送',
    pick: '选择一个会话，或一个联系人。',
    write: '写点什么',
    offline: '连接已断开。恢复后会自动发送你写的内容。',
    connecting: '正在连接…',
    typing: (who) => `${who} 正在输入…`,
    online: '在线',
    away: '离线',
    members: (count) => `${count} 人`,
    image: '图片',
    tooLarge: (kB) => `图片不能超过 ${kB} kB。`,
    states: { sending: '发送中', sent: '已发送', delivered: '已送达', read: '已读', failed: '未发送：点此重试' },
    language: 'English',
  },
}

let language = localStorage.getItem('language') ?? (navigator.language.startsWith('zh') ? 'zh' : 'en')

export const text = (key, ...args) => {
  const value = TEXTS[language][key]
  return typeof value === 'function' ? value(...args) : value
}

/** Writes all texts of the page. */
export function translate() {
  document.documentElement.lang = language === 'zh' ? 'zh-CN' : 'en'
  for (const element of document.querySelectorAll('[data-text]')) element.textContent = text(element.dataset.text)
  for (const button of document.querySelectorAll('[data-language]')) button.textContent = text('language')
}

export function switchLanguage() {
  language = language === 'zh' ? 'en' : 'zh'
  localStorage.setItem('language', language)
  translate()
}
