// A header block that both codecs share: names compared in lower case, kept as sent, values as
// bytes in latin1. Duplicates stay apart, in order: a policy must see each value (pains §4.2).

export class HeaderBlock {
  /** Triples: lower-case name, name as sent, value. Read it in hot loops; change it through the methods. */
  readonly flat: string[];
  /** The first entries of `flat`, up to `linesEnd`, as the field lines they came in; a change to them forgets it. */
  lines = '';
  linesEnd = 0;

  constructor(flat: string[] = []) {
    this.flat = flat;
  }

  get count(): number {
    return this.flat.length / 3;
  }

  /** The first value, or undefined. `name` must be lower case. */
  get(name: string): string | undefined {
    const flat = this.flat;
    for (let i = 0; i < flat.length; i += 3) if (flat[i] === name) return flat[i + 2];
    return undefined;
  }

  getAll(name: string): string[] {
    const values: string[] = [];
    const flat = this.flat;
    for (let i = 0; i < flat.length; i += 3) if (flat[i] === name) values.push(flat[i + 2] as string);
    return values;
  }

  has(name: string): boolean {
    return this.get(name) !== undefined;
  }

  /** Appends a value; `name` may be of any case and is sent as given. */
  add(name: string, value: string): void {
    this.flat.push(name.toLowerCase(), name, value);
  }

  /** Appends with the lower-case form already at hand: what codecs call. */
  push(lower: string, name: string, value: string): void {
    this.flat.push(lower, name, value);
  }

  /** Replaces all values by one; keeps the place of the first. */
  set(name: string, value: string): void {
    this.put(name.toLowerCase(), value, name);
  }

  /** As `set`, of a name that is in lower case. */
  put(lower: string, value: string, name = lower): void {
    const flat = this.flat;
    for (let i = 0; i < flat.length; i += 3) {
      if (flat[i] !== lower) continue;
      if (i < this.linesEnd) this.forgetLines();
      flat[i + 2] = value;
      this.#removeFrom(lower, i + 3);
      return;
    }
    flat.push(lower, name, value);
  }

  remove(name: string): boolean {
    return this.#removeFrom(name, 0);
  }

  clone(): HeaderBlock {
    const copy = new HeaderBlock(this.flat.slice());
    copy.lines = this.lines;
    copy.linesEnd = this.linesEnd;
    return copy;
  }

  /** All fields came as these lines, in this order. */
  setLines(lines: string): void {
    this.lines = lines;
    this.linesEnd = this.flat.length;
  }

  /** Whoever changes `flat` itself says so. */
  forgetLines(): void {
    this.lines = '';
    this.linesEnd = 0;
  }

  *entries(): IterableIterator<readonly [name: string, value: string]> {
    for (let i = 0; i < this.flat.length; i += 3) yield [this.flat[i] as string, this.flat[i + 2] as string];
  }

  /** Size as Envoy counts it: names and values, no separators. */
  get byteSize(): number {
    let n = 0;
    for (let i = 0; i < this.flat.length; i += 3)
      n += (this.flat[i] as string).length + (this.flat[i + 2] as string).length;
    return n;
  }

  #removeFrom(lower: string, start: number): boolean {
    const flat = this.flat;
    let write = start;
    for (let read = start; read < flat.length; read += 3) {
      if (flat[read] === lower) {
        if (read < this.linesEnd) this.forgetLines();
        continue;
      }
      if (write !== read) {
        flat[write] = flat[read] as string;
        flat[write + 1] = flat[read + 1] as string;
        flat[write + 2] = flat[read + 2] as string;
      }
      write += 3;
    }
    // To set a length costs a call into V8's runtime, also where it is the same.
    if (write === flat.length) return false;
    flat.length = write;
    return true;
  }
}
