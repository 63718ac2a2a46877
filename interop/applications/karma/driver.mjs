// Karma runs a suite in headless Chromium; the trace is what its reporters are told of the browser, of each test and of the end.
import karma from 'karma'

const trace = []
// Karma's page sends logs at once and results together until it is upgraded to WebSocket: their order tells how fast the machine is.
const logs = []
function Recorder() {
  this.onBrowserStart = (browser, info) => trace.push(['start', browser.name.split(' ')[0], info?.total])
  this.onBrowserLog = (_browser, log, type) => logs.push(['log', type, log])
  this.onSpecComplete = (_browser, { description, suite, success, skipped, log }) =>
    trace.push([
      'spec',
      suite.join(' '),
      description,
      success,
      skipped,
      log.map((text) => text.split('\n')[0]),
    ])
  this.onBrowserError = (_browser, error) => trace.push(['error', String(error?.message ?? error)])
  this.onBrowserComplete = ({ lastResult }) => {
    const { success, failed, skipped, total, disconnected, error } = lastResult
    trace.push(['browser', { success, failed, skipped, total, disconnected, error }])
  }
  this.onRunComplete = (_browsers, { success, failed, exitCode, disconnected, error }) =>
    trace.push(['run', { success, failed, exitCode, disconnected, error }])
}

const config = await karma.config.parseConfig(
  undefined,
  {
    basePath: import.meta.dirname,
    frameworks: ['jasmine'],
    files: ['suite.js'],
    browsers: ['Headless'],
    customLaunchers: {
      Headless: {
        base: 'ChromeHeadless',
        flags: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'],
      },
    },
    reporters: ['recorder'],
    plugins: ['karma-jasmine', 'karma-chrome-launcher', { 'reporter:recorder': ['type', Recorder] }],
    client: { captureConsole: true, jasmine: { random: false } },
    transports: process.env.KARMA_TRANSPORTS?.split(',') ?? ['polling', 'websocket'],
    port: 0,
    logLevel: 'OFF',
    singleRun: true,
  },
  { promiseConfig: true, throwErrors: true },
)
const code = await new Promise((resolve, reject) => {
  const server = new karma.Server(config, resolve)
  server.start().catch(reject)
})
trace.push(...logs, ['code', code])
console.log(JSON.stringify(trace))
process.exit(0)
