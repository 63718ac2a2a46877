// Timers that keep to the options: `useNativeTimers` takes the functions as they were when this was loaded, so that a mocked clock does
// not stop the heartbeat; `autoUnref` lets Node end while they run.
import { HAS_UNREF } from './features.ts'

export type Timer = ReturnType<typeof setTimeout>

interface TimerOptions {
  useNativeTimers?: boolean
  autoUnref?: boolean
}

const { setTimeout: nativeStart, clearTimeout: nativeStop } = globalThis

export function startTimer(options: TimerOptions, callback: () => void, ms: number): Timer {
  const timer = (options.useNativeTimers ? nativeStart : setTimeout)(callback, ms)
  if (HAS_UNREF && options.autoUnref) (timer as { unref?: () => void }).unref?.()
  return timer
}

/** Gives nothing, to put in the timer's place: one that is kept is kept whole. */
export function stopTimer(options: TimerOptions, timer: Timer | undefined): undefined {
  return (options.useNativeTimers ? nativeStop : clearTimeout)(timer) as undefined
}
