// A guide of docs/guides as a test runs it: its code blocks that name a file (```js server.mjs) are written into a folder of their own, in which
// the packages of this repository are installed, and started as a reader would start them.
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { freePort } from '@tidewire/testkit/daemon'

const root = fileURLToPath(new URL('../..', import.meta.url))

export interface Run {
  readonly code: number
  readonly out: string
  readonly errors: string
}

export class Guide {
  readonly folder: string = mkdtempSync(join(tmpdir(), 'tidewire-guide-'))
  readonly #blocks: Map<string, string>
  readonly #children: ChildProcess[] = []

  /** `edit` may change a block before it is written: addresses, ports. */
  constructor(name: string, edit: (code: string, file: string) => string = (code) => code) {
    this.#blocks = blocksOf(readFileSync(join(root, 'docs/guides', name), 'utf8'))
    for (const [file, code] of this.#blocks) writeFileSync(this.path(file), edit(code, file))
    link(join(root, 'interop/node_modules'), join(this.folder, 'node_modules'))
    link(join(root, 'node_modules'), join(this.folder, 'node_modules'))
  }

  get files(): string[] {
    return [...this.#blocks.keys()]
  }

  path(file: string): string {
    return join(this.folder, file)
  }

  /** Starts a program of the guide as a server; resolves with its address once it answers. */
  async serve(file: string, env: Record<string, string> = {}): Promise<string> {
    const port = await freePort()
    const child = this.#start(process.execPath, [this.path(file)], { PORT: String(port), ...env })
    let errors = ''
    child.stderr!.setEncoding('utf8').on('data', (text: string) => (errors += text))
    const url = `http://127.0.0.1:${port}`
    const deadline = Date.now() + 60_000
    while (!(await answers(url))) {
      if (Date.now() > deadline || child.exitCode !== null)
        throw new Error(`${file} does not answer: ${errors}`)
      await new Promise((resolve) => setTimeout(resolve, 25))
    }
    return url
  }

  /** Runs a program to its end. */
  async run(command: string, args: readonly string[], env: Record<string, string> = {}): Promise<Run> {
    const child = this.#start(command, args, env)
    let out = ''
    let errors = ''
    child.stdout!.setEncoding('utf8').on('data', (text: string) => (out += text))
    child.stderr!.setEncoding('utf8').on('data', (text: string) => (errors += text))
    const [code] = (await once(child, 'close')) as [number]
    return { code, out, errors }
  }

  /** Runs a program of the guide in Node. */
  node(file: string, env: Record<string, string> = {}): Promise<Run> {
    return this.run(process.execPath, [this.path(file)], env)
  }

  async close(): Promise<void> {
    for (const child of this.#children.filter(
      ({ exitCode, signalCode }) => exitCode === null && signalCode === null,
    )) {
      child.kill('SIGKILL')
      await once(child, 'exit')
    }
    rmSync(this.folder, { recursive: true, force: true })
  }

  #start(command: string, args: readonly string[], env: Record<string, string>): ChildProcess {
    const options = '--conditions=tidewire-source --disable-warning=ExperimentalWarning'
    const child = spawn(command, args, {
      cwd: this.folder,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, NODE_OPTIONS: options, ...env },
    })
    this.#children.push(child)
    return child
  }
}

/** Code by the name of its file. */
export function blocksOf(markdown: string): Map<string, string> {
  return new Map(
    [...markdown.matchAll(/^```\w+ (\S+\.\w+)\n([\s\S]*?)^```$/gm)].map(([, file, code]) => [file!, code!]),
  )
}

function answers(url: string): Promise<boolean> {
  return fetch(`${url}/socket.io/?EIO=4&transport=polling`).then(
    ({ status }) => status < 500,
    () => false,
  )
}

/** Links each package that is not there yet, so that two folders of packages become one. */
function link(from: string, to: string): void {
  mkdirSync(to, { recursive: true })
  for (const name of readdirSync(from)) {
    if (name.startsWith('.')) continue
    if (name.startsWith('@')) link(join(from, name), join(to, name))
    else if (!existsSync(join(to, name))) symlinkSync(join(from, name), join(to, name))
  }
}
