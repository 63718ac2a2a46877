// One flush per loop turn: whatever was sent during a turn leaves at its end, all of a session in one write.

export interface Flushable {
  flush(): void
}

let dirty: Flushable[] = []
let isScheduled = false
let isFlushedAtExit = false

export function scheduleFlush(target: Flushable): void {
  dirty.push(target)
  if (isScheduled) return
  isScheduled = true
  setImmediate(flushAll)
  if (isFlushedAtExit) return
  isFlushedAtExit = true
  // compat: what a handler of SIGTERM has sent before `process.exit()` leaves. Node writes at once what the network takes.
  process.once('exit', flushAll)
}

function flushAll(): void {
  const batch = dirty
  dirty = []
  isScheduled = false
  for (const target of batch) target.flush()
}
