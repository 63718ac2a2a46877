// Entry of the script bundles: `io`, callable, with the other exports on it. The build makes it a global, or what `require` gives.
import * as exported from './browser.ts'

const callable: unknown = Object.assign((...args: any[]) => (exported.io as (...args: any[]) => unknown)(...args), exported)

export default callable
