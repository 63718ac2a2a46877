// The page as it is served: index.html, style.css, icon, and one script bundled in memory at start from `public/main.ts`
// together with @tidewire/client, so that there is no build step and what runs in the browser is the source as it stands.
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { rolldown } from 'rolldown'

export interface PageFile {
  mediaType: string
  body: string
}
export type Page = ReadonlyMap<string, PageFile>

const folder = fileURLToPath(new URL('../public/', import.meta.url))

export async function loadPage(): Promise<Page> {
  const read = (name: string, mediaType: string): PageFile => ({
    mediaType,
    body: readFileSync(folder + name, 'utf8'),
  })
  const script = await bundle()
  return new Map([
    ['/', read('index.html', 'text/html; charset=utf-8')],
    ['/style.css', read('style.css', 'text/css; charset=utf-8')],
    ['/icon.svg', read('icon.svg', 'image/svg+xml')],
    ['/app.js', { mediaType: 'text/javascript; charset=utf-8', body: script }],
  ])
}

async function bundle(): Promise<string> {
  const build = await rolldown({
    input: `${folder}main.ts`,
    platform: 'browser',
    resolve: { conditionNames: ['tidewire-source', 'browser', 'import', 'default'] },
  })
  try {
    const { output } = await build.generate({ format: 'esm', sourcemap: 'inline' })
    return output[0].code
  } finally {
    await build.close()
  }
}
