// What is sent in a turn leaves at its end, in one write. A process that exits within the turn has no end of it: what waits is written before it goes.

type Task = () => void

let waiting: Task[] = []

/** As `queueMicrotask`; done too when the process exits before that. */
export function atEndOfTurn(task: Task): void {
  queueMicrotask(task)
  if (waiting.push(task) === 1) queueMicrotask(forget)
}

/** Those that came later have been queued before it runs, or begin a list of their own. */
function forget(): void {
  waiting = []
}

/** Called when the process exits. Each task is done once, by whoever comes first. */
export function doAtExit(): void {
  for (const task of waiting) task()
}
