// The servers our client meets (interop/servers): how to start each, what it can do, and what it cannot. A program runs as a child
// process; it is killed, not asked to end, when a server has to restart.
import { createInterface } from 'node:readline'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { spawnGroup, stopGroup } from '@tidewire/testkit/daemon'
import { compileJava, javaTools, mavenJars, pythonVenv } from '@tidewire/testkit/provision'

export interface ServerSpec {
  label: string
  /** Engine.IO revision our client must arrive at. */
  revision: 3 | 4
  /** The transport modes it can be reached by. */
  modes: readonly ('polling' | 'websocket' | 'upgrade')[]
  /** What is not asked of it, and why. */
  leftOut?: string
  /** A client may find the session gone before it has read that it was disconnected. */
  mayCutOff?: boolean
  /** Cells that cannot be green because of the server itself: `mode row` and the reason. */
  limitations: Readonly<Record<string, string>>
  /** The program, to be followed by the port and `args`. */
  command(): [command: string, ...args: string[]]
  args: readonly string[]
}

export interface RunningServer {
  port: number
  url: string
  /** Kills the process. */
  stop(): Promise<void>
}

const programs = fileURLToPath(new URL('../servers', import.meta.url))
const ALL = ['polling', 'websocket', 'upgrade'] as const
const HOST = ['uvicorn==0.35.0', 'websockets==15.0.1']
const START_DEADLINE_MS = 90_000

function javascript(version: string, variant?: 'websocket-only' | 'slow-middleware'): ServerSpec {
  return {
    label: `${version === 'tidewire' ? 'tidewire' : `socket.io ${version}`}${variant === undefined ? '' : ` (${variant})`}`,
    revision: version < '3' ? 3 : 4,
    modes: variant === 'websocket-only' ? ['websocket'] : ALL,
    limitations: {},
    command: () => [process.execPath, '--conditions=tidewire-source', `${programs}/js/server.mjs`],
    args: variant === undefined ? [version] : [version, variant],
  }
}

function python(version: string, requirements: readonly string[]): ServerSpec {
  return {
    label: `python-socketio ${version}`,
    revision: version < '5' ? 3 : 4,
    modes: ALL,
    ...(version < '5'
      ? {
          mayCutOff: true,
          leftOut:
            'the reason of a disconnection by python-socketio 4.6.1: the server ends the session with it, and a poll that comes later is refused, so that the client says "transport error"; socket.io-client 2.5.0 says so more often.',
        }
      : {}),
    limitations: {},
    command: () => [
      pythonVenv(`server-${version}`, [`python-socketio==${version}`, ...requirements, ...HOST]),
      `${programs}/python/server.py`,
    ],
    args: [],
  }
}

const NETTY = '2.0.3'
const NETTY_BINARY =
  'netty-socketio 2.0.3 does not hand on binary events of revision 4 clients: socket.io-client 4.8.4 fares the same.'

export const serverSpecs: readonly ServerSpec[] = [
  ...['1.7.4', '2.5.1', '3.1.2', '4.8.4', 'tidewire'].map((version) => javascript(version)),
  ...['2.5.1', '4.8.4'].flatMap((version) => [
    javascript(version, 'websocket-only'),
    javascript(version, 'slow-middleware'),
  ]),
  python('4.6.1', ['python-engineio==3.14.2']),
  python('5.18.1', []),
  {
    label: `netty-socketio ${NETTY}`,
    revision: 4,
    modes: ['polling', 'websocket'],
    leftOut:
      'upgrade on netty-socketio 2.0.3 is left out: the server now and then loses the CONNECT of a client that is about to upgrade, so that cells are green or red by chance; socket.io-client 4.8.4 is left waiting in the same way.',
    limitations: Object.fromEntries(['polling', 'websocket'].map((mode) => [`${mode} binary`, NETTY_BINARY])),
    command: () => {
      const jars = mavenJars(`netty-socketio-${NETTY}`, [
        `com.corundumstudio.socketio:netty-socketio:${NETTY}`,
        'org.slf4j:slf4j-nop:1.7.36',
      ])
      const classpath = compileJava(`netty-server-${NETTY}`, jars, [`${programs}/netty/Main.java`])
      return [
        javaTools().java,
        '-Xmx128m',
        '-XX:+UseSerialGC',
        '-XX:TieredStopAtLevel=1',
        '-cp',
        classpath,
        'Main',
      ]
    },
    args: [],
  },
]

export async function startProgram(spec: ServerSpec, port = 0): Promise<RunningServer> {
  const [command, ...args] = spec.command()
  const child = spawnGroup(command, [...args, String(port), ...spec.args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let said = ''
  child.stderr!.setEncoding('utf8').on('data', (text: string) => (said = (said + text).slice(-2000)))
  const actual = await new Promise<number>((resolve, reject) => {
    const fail = (reason: string): void => reject(new Error(`${spec.label} ${reason}; stderr: ${said}`))
    const timer = setTimeout(() => fail(`did not listen within ${START_DEADLINE_MS} ms`), START_DEADLINE_MS)
    child.once('error', (error) => fail(error.message))
    child.once('exit', (code, signal) => {
      clearTimeout(timer)
      fail(`ended with ${code ?? signal}`)
    })
    createInterface({ input: child.stdout! }).on('line', (line) => {
      if (!line.startsWith('{"port"')) return
      clearTimeout(timer)
      resolve((JSON.parse(line) as { port: number }).port)
    })
  }).catch(async (error: unknown) => {
    await stopGroup(child, 'SIGKILL')
    throw error
  })
  return {
    port: actual,
    url: `http://127.0.0.1:${actual}`,
    stop: () => stopGroup(child, 'SIGKILL'),
  }
}
