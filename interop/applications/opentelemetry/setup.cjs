// The tracer of the process; spans stay in memory, with what the hooks of the instrumentation are told.
const { registerInstrumentations } = require('@opentelemetry/instrumentation')
const { SocketIoInstrumentation } = require('@opentelemetry/instrumentation-socket.io')
const {
  InMemorySpanExporter,
  NodeTracerProvider,
  SimpleSpanProcessor,
} = require('@opentelemetry/sdk-trace-node')

globalThis.exporter = new InMemorySpanExporter()
const provider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(globalThis.exporter)] })
provider.register()
const payloadOf = (span, { payload }) =>
  span.setAttribute(
    'payload',
    payload.map((value) =>
      typeof value === 'function' ? 'function' : value?.nsp ? 'socket' : JSON.stringify(value),
    ),
  )
registerInstrumentations({
  tracerProvider: provider,
  instrumentations: [
    new SocketIoInstrumentation({
      traceReserved: process.argv[2] === 'reserved',
      onIgnoreEventList: ['untraced'],
      emitIgnoreEventList: ['untraced'],
      onHook: payloadOf,
      emitHook: payloadOf,
    }),
  ],
})
