// The clients of the matrix: how to start each, and what its own limits are. Those with another runtime ask `provision` for it.
import { fileURLToPath } from 'node:url'
import { JAVA_CLIENTS, PYTHON_CLIENTS, buildGo, buildRust, compileJava, provision } from '@tidewire/testkit/provision'

export interface ClientSpec {
  label: string
  family: 'JavaScript' | 'Java' | 'Python' | 'Go' | 'Rust'
  /** The Engine.IO revision it speaks. */
  revision: 3 | 4
  command(): Promise<[command: string, ...args: string[]]>
}

const programs = fileURLToPath(new URL('../clients', import.meta.url))

export const javascriptClients: ClientSpec[] = (['1.7.4', '2.5.0', '3.1.3', '4.8.4'] as const).map(
  (version) => ({
    label: `socket.io-client ${version}`,
    family: 'JavaScript',
    revision: version < '3' ? 3 : 4,
    command: async () => [process.execPath, `${programs}/js/client.mjs`, version],
  }),
)

export const javaClients: ClientSpec[] = JAVA_CLIENTS.map((version) => ({
  label: `Java ${version}`,
  family: 'Java',
  revision: version < '2' ? 3 : 4,
  command: async () => {
    const { java, clients } = await provision('java')
    const classpath = compileJava(`client-${version}`, clients[version], [`${programs}/java/Client.java`])
    return [java, '-Xmx128m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-cp', classpath, 'Client']
  },
}))

export const pythonClients: ClientSpec[] = PYTHON_CLIENTS.map((version) => ({
  label: `python-socketio ${version}`,
  family: 'Python',
  revision: version < '5' ? 3 : 4,
  command: async () => [(await provision('python'))[version], `${programs}/python/client.py`],
}))

/** Built from source for minutes: run by `npm run test:long`. */
export const goClient: ClientSpec = {
  label: 'Go zishang520/socket.io 3.0.0',
  family: 'Go',
  revision: 4,
  command: async () => [buildGo('client', `${programs}/go`)],
}

export const rustClient: ClientSpec = {
  label: 'Rust rust_socketio 0.6.0',
  family: 'Rust',
  revision: 4,
  command: async () => [buildRust('client', `${programs}/rust`)],
}
