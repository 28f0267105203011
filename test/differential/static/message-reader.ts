// Reads HTTP/1.1 messages as they came, without making anything of them but where they end.

export interface Message {
  readonly start: string;
  /** Lower-case names; of repeated ones the last. */
  readonly headers: Readonly<Record<string, string>>;
  /** The start line and the header lines as they came, an empty line, the body without its framing, and trailers. */
  readonly text: string;
  readonly lines: readonly string[];
  readonly body: string;
}

export class MessageReader {
  readonly #kind: 'request' | 'answer';
  #bytes = '';
  /** Of the request that is answered. */
  method = 'GET';

  constructor(kind: 'request' | 'answer') {
    this.#kind = kind;
  }

  push(data: Buffer): Message[] {
    this.#bytes += data.toString('latin1');
    const messages: Message[] = [];
    for (let one = this.#take(false); one !== undefined; one = this.#take(false)) messages.push(one);
    return messages;
  }

  /** What the far end's end completes. */
  end(): Message | undefined {
    return this.#take(true);
  }

  /** What is no whole message. */
  get rest(): string {
    return this.#bytes;
  }

  #take(ended: boolean): Message | undefined {
    const end = this.#bytes.indexOf('\r\n\r\n');
    if (end < 0) return undefined;
    const [start = '', ...lines] = this.#bytes.slice(0, end).split('\r\n');
    const headers: Record<string, string> = {};
    for (const line of lines) {
      const colon = line.indexOf(':');
      headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
    }
    const status = this.#kind === 'answer' ? Number(start.split(' ')[1]) : 0;
    const read = this.#body(headers, end + 4, status, ended);
    if (read === undefined) return undefined;
    this.#bytes = this.#bytes.slice(read.end);
    const text = [start, ...lines, '', read.body, ...read.trailers].join('\n');
    return { start, headers, lines, text, body: read.body };
  }

  #body(
    headers: Readonly<Record<string, string>>,
    at: number,
    status: number,
    ended: boolean,
  ): { body: string; trailers: readonly string[]; end: number } | undefined {
    const empty = { body: '', trailers: [], end: at };
    if (this.#kind === 'answer' && (this.method === 'HEAD' || status < 200 || status === 204 || status === 304))
      return empty;
    if (headers['transfer-encoding'] !== undefined) return this.#chunks(at);
    const length = headers['content-length'];
    if (length !== undefined) {
      const end = at + Number(length);
      return this.#bytes.length < end ? undefined : { body: this.#bytes.slice(at, end), trailers: [], end };
    }
    if (this.#kind === 'request') return empty;
    return ended ? { body: this.#bytes.slice(at), trailers: [], end: this.#bytes.length } : undefined;
  }

  #chunks(from: number): { body: string; trailers: readonly string[]; end: number } | undefined {
    let body = '';
    for (let at = from; ; ) {
      const line = this.#bytes.indexOf('\r\n', at);
      if (line < 0) return undefined;
      const size = Number.parseInt(this.#bytes.slice(at, line), 16);
      if (size > 0) {
        body += this.#bytes.slice(line + 2, line + 2 + size);
        at = line + 2 + size + 2;
        if (at > this.#bytes.length) return undefined;
        continue;
      }
      const end = this.#bytes.indexOf('\r\n\r\n', line);
      if (end < 0) return undefined;
      const trailers = end === line ? [] : this.#bytes.slice(line + 2, end).split('\r\n');
      return { body, trailers, end: end + 4 };
    }
  }
}
