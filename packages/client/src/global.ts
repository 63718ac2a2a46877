// Entry of the script-tag bundles: the global `io`, callable, with the other exports on it.
import * as exported from './browser.ts'

const { default: _default, ...rest } = exported
;(globalThis as any).io = Object.assign((...args: any[]) => (exported.io as (...args: any[]) => unknown)(...args), rest)
