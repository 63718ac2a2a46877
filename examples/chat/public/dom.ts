// Makes and updates elements: `h('button', { class: 'x', onclick }, 'text')`. Text is always text, never markup.
type Child = Node | string | undefined | false
type Props = Record<string, unknown>

export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  props: Props = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag)
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === false) continue
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value as EventListener)
    else if (name === 'value') (element as unknown as HTMLInputElement).value = value as string
    else element.setAttribute(name, value === true ? '' : String(value))
  }
  element.append(
    ...children.filter((child): child is Node | string => child !== undefined && child !== false),
  )
  return element
}

const SVG = 'http://www.w3.org/2000/svg'

/** A line drawing on a 24 by 24 grid. */
export function icon(path: string): SVGSVGElement {
  const svg = document.createElementNS(SVG, 'svg')
  svg.setAttribute('viewBox', '0 0 24 24')
  svg.setAttribute('aria-hidden', 'true')
  const line = document.createElementNS(SVG, 'path')
  line.setAttribute('d', path)
  svg.append(line)
  return svg
}

export const ICONS = {
  plus: 'M12 5v14M5 12h14',
  back: 'M15 5l-7 7 7 7',
  send: 'M4 12l16-8-6 16-3-6z',
  image: 'M4 5h16v14H4zM4 16l5-5 4 4 3-3 4 4M15 9h.01',
  close: 'M6 6l12 12M18 6L6 18',
  copy: 'M9 9h11v11H9zM5 15H4V4h11v1',
  leave: 'M15 4h4v16h-4M10 8l-4 4 4 4M6 12h10',
}

interface Keyed {
  key: string
  /** What the element shows: it is made anew only when this changes. */
  signature: string
  make: () => HTMLElement
}

/** Makes the children of `parent` be these, keeping elements that have not changed (and so focus, images and scrolling). */
export function reconcile(parent: HTMLElement, items: readonly Keyed[]): void {
  const old = new Map<string, HTMLElement>()
  for (const child of parent.children)
    old.set((child as HTMLElement).dataset['key'] ?? '', child as HTMLElement)
  let at = parent.firstElementChild
  for (const { key, signature, make } of items) {
    let element = old.get(key)
    if (element === undefined || element.dataset['signature'] !== signature) {
      const made = make()
      made.dataset['key'] = key
      made.dataset['signature'] = signature
      if (element !== undefined) {
        if (at === element) at = made
        element.replaceWith(made)
      }
      element = made
    }
    old.delete(key)
    if (at === element) at = at.nextElementSibling
    else parent.insertBefore(element, at)
  }
  for (const element of old.values()) element.remove()
}
