// Namespaces of families that clients have made and that nobody is in. The names are the clients' choice, so without a bound each that was ever
// asked for would stay. In: a namespace that has become empty, or filled again. Out: beyond the bound, the one that has been empty longest.

interface Named {
  readonly name: string
}

/** Of long names fewer are kept. */
const countOf = ({ name }: Named): number => 1 + (name.length >> 8)

export class EmptyNamespaces {
  readonly #max: number
  readonly #handleFull: () => void
  /** In the order in which they became empty, with what removes them. */
  readonly #removals = new Map<Named, () => void>()
  #count = 0

  /** `handleFull` is called for each that has to go. */
  constructor(max: number, handleFull: () => void) {
    this.#max = max
    this.#handleFull = handleFull
  }

  add(namespace: Named, remove: () => void): void {
    this.delete(namespace)
    this.#removals.set(namespace, remove)
    this.#count += countOf(namespace)
    while (this.#count > this.#max) {
      const [oldest, removeOldest] = this.#removals.entries().next().value!
      this.delete(oldest)
      this.#handleFull()
      removeOldest()
    }
  }

  delete(namespace: Named): void {
    if (this.#removals.delete(namespace)) this.#count -= countOf(namespace)
  }
}
