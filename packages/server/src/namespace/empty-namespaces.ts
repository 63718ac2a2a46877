// Namespaces of families that clients have made and that nobody is in. The names are the clients' choice, so without a bound each that was ever
// asked for would stay. In: a namespace that has become empty, or filled again. Out: beyond the bound, the one that has been empty longest.

export class EmptyNamespaces {
  readonly #max: number
  readonly #handleFull: () => void
  /** In the order in which they became empty, with what removes them. */
  readonly #removals = new Map<object, () => void>()

  /** `handleFull` is called for each that has to go. */
  constructor(max: number, handleFull: () => void) {
    this.#max = max
    this.#handleFull = handleFull
  }

  add(namespace: object, remove: () => void): void {
    this.#removals.delete(namespace)
    this.#removals.set(namespace, remove)
    while (this.#removals.size > this.#max) {
      const [oldest, removeOldest] = this.#removals.entries().next().value!
      this.#removals.delete(oldest)
      this.#handleFull()
      removeOldest()
    }
  }

  delete(namespace: object): void {
    this.#removals.delete(namespace)
  }
}
