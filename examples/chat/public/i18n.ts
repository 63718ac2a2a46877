// The words of the page in English and Chinese. The choice is kept in the browser; at first it is the browser's language.
const en = {
  appName: 'tidewire chat',
  tagline: 'Sign in with a name to start talking.',
  yourName: 'Your name',
  signIn: 'Sign in',
  signOut: 'Sign out',
  language: '中文',
  conversations: 'Conversations',
  newConversation: 'New conversation',
  noConversations: 'No conversations yet. Start one with the + button.',
  pickConversation: 'Pick a conversation, or start a new one.',
  direct: 'Direct',
  group: 'Group',
  withWhom: 'Name of the other person',
  groupTitle: 'Title of the group',
  groupMembers: 'Members',
  groupMembersHint: 'Names, with commas between',
  people: 'People here',
  create: 'Create',
  cancel: 'Cancel',
  close: 'Close',
  back: 'Back to conversations',
  writeMessage: 'Write a message',
  send: 'Send',
  attachImage: 'Send an image',
  online: 'online',
  offline: 'offline',
  membersCount: '{n} members, {online} online',
  typingOne: '{who} is typing…',
  typingMany: '{who} are typing…',
  connecting: 'Connecting…',
  reconnecting: 'Connection lost. Messages are kept and sent when it is back.',
  refused: 'The server refused: {why}',
  sending: 'Sending',
  sent: 'Sent',
  delivered: 'Delivered',
  read: 'Read',
  readBy: 'Read by {n} of {all}',
  failed: 'Not sent',
  retry: 'Retry',
  discard: 'Discard',
  noAnswer: 'The server did not answer.',
  imageTooLarge: 'This image has {size} MB; at most {max} MB can be sent.',
  notAnImage: 'Only PNG, JPEG, GIF and WebP images can be sent.',
  image: 'Image',
  imageFrom: 'Image from {who}',
  removeImage: 'Remove the image',
  older: 'Load older messages',
  start: 'This is the beginning.',
  unread: '{n} unread',
  you: 'You',
  pushed: 'pushed by a back end, type {type}',
  copyId: 'Copy the conversation id (back ends push to it)',
  today: 'Today',
  yesterday: 'Yesterday',
  newBelow: 'New messages',
}

export type Words = typeof en
export type Language = 'en' | 'zh'

const zh: Words = {
  appName: 'tidewire 聊天',
  tagline: '输入名字登录，开始聊天。',
  yourName: '你的名字',
  signIn: '登录',
  signOut: '退出',
  language: 'English',
  conversations: '会话',
  newConversation: '新建会话',
  noConversations: '还没有会话，点 + 新建一个。',
  pickConversation: '选择一个会话，或新建会话。',
  direct: '单聊',
  group: '群聊',
  withWhom: '对方的名字',
  groupTitle: '群名称',
  groupMembers: '成员',
  groupMembersHint: '名字，用逗号分隔',
  people: '大家',
  create: '创建',
  cancel: '取消',
  close: '关闭',
  back: '返回会话列表',
  writeMessage: '输入消息',
  send: '发送',
  attachImage: '发送图片',
  online: '在线',
  offline: '离线',
  membersCount: '{n} 位成员，{online} 人在线',
  typingOne: '{who} 正在输入…',
  typingMany: '{who} 正在输入…',
  connecting: '正在连接…',
  reconnecting: '连接已断开。消息会保留，恢复后自动发送。',
  refused: '服务器拒绝：{why}',
  sending: '发送中',
  sent: '已发送',
  delivered: '已送达',
  read: '已读',
  readBy: '{n}/{all} 已读',
  failed: '未发送',
  retry: '重试',
  discard: '丢弃',
  noAnswer: '服务器没有应答。',
  imageTooLarge: '图片大小为 {size} MB，最多可发送 {max} MB。',
  notAnImage: '只能发送 PNG、JPEG、GIF 和 WebP 图片。',
  image: '图片',
  imageFrom: '{who} 发来的图片',
  removeImage: '移除图片',
  older: '加载更早的消息',
  start: '没有更早的消息了。',
  unread: '{n} 条未读',
  you: '你',
  pushed: '由后台推送，类型 {type}',
  copyId: '复制会话 ID（后台推送时使用）',
  today: '今天',
  yesterday: '昨天',
  newBelow: '有新消息',
}

const KEY = 'tidewire-chat.language'
let language: Language = stored() ?? (navigator.language.toLowerCase().startsWith('zh') ? 'zh' : 'en')

function stored(): Language | undefined {
  const value = localStorage.getItem(KEY)
  return value === 'en' || value === 'zh' ? value : undefined
}

export function currentLanguage(): Language {
  return language
}

export function setLanguage(next: Language): void {
  language = next
  localStorage.setItem(KEY, next)
}

/** The text for a key, with its `{places}` filled. */
export function t(key: keyof Words, values: Record<string, string | number> = {}): string {
  const words = language === 'zh' ? zh : en
  return words[key].replaceAll(/\{(\w+)\}/g, (_, name: string) => String(values[name] ?? ''))
}
