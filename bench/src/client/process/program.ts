// The measured process: node program.ts <package> <figure> <port> <seconds> <shrink>. Tells its parent one sample, or why there is none.
import process from 'node:process'
import { loads } from './loads.ts'
import { becomePage } from './page.ts'

const [library = '', figure = '', port = '', seconds = '', shrink = ''] = process.argv.slice(2)
const say = (line: object): void => void process.send!(line, undefined, undefined, () => process.exit())
process.on('disconnect', () => process.exit())
try {
  if (figure.startsWith('page')) becomePage()
  const began = performance.now()
  const { io } = await import(library)
  const sample = await loads[figure]!({
    io,
    url: `http://127.0.0.1:${port}`,
    began,
    seconds: Number(seconds),
    shrink: Number(shrink),
  })
  say({ sample })
} catch (error) {
  say({ failure: error instanceof Error ? error.message : String(error) })
}
