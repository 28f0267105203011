// Finds where responses end on one HTTP/1.1 connection: as much as a load generator needs, no more.

export class ResponseReader {
  /** Status of the last response that ended. */
  status = 0;
  /** The server wants this connection closed after the response. */
  close = false;
  #text = '';
  #bodyLeft = 0;
  #state: 'head' | 'length' | 'chunked' | 'until-close' = 'head';

  /** Number of responses that ended within `data`; -1 when it is no HTTP. */
  read(data: Buffer): number {
    let ended = 0;
    let at = 0;
    while (at < data.length) {
      if (this.#state === 'until-close') return ended;
      if (this.#state === 'length') {
        const taken = Math.min(this.#bodyLeft, data.length - at);
        this.#bodyLeft -= taken;
        at += taken;
        if (this.#bodyLeft > 0) return ended;
        this.#state = 'head';
        ended++;
        continue;
      }
      this.#text += data.toString('latin1', at);
      at = data.length;
      const used = this.#state === 'head' ? this.#readHead() : this.#readChunks();
      if (used < 0) return used === -1 ? ended : -1;
      if (this.#state === 'head') ended++;
      at -= this.#text.length - used;
      this.#text = '';
    }
    return ended;
  }

  /** Characters of `#text` used; -1 = needs more, -2 = no HTTP. Leaves the state 'head' when the response has no body. */
  #readHead(): number {
    const text = this.#text;
    const end = text.indexOf('\r\n\r\n');
    if (end < 0) return text.length > 65_536 || !'HTTP/1.'.startsWith(text.slice(0, 7)) ? -2 : -1;
    const status = Number(text.slice(9, 12));
    if (!text.startsWith('HTTP/1.') || !(status >= 100)) return -2;
    const head = text.slice(0, end + 2).toLowerCase();
    const used = end + 4;
    if (status < 200 && status !== 101) {
      // An interim response is not one: read on behind it.
      this.#text = text.slice(used);
      return this.#readHead();
    }
    this.status = status;
    this.close = head.includes('\r\nconnection: close\r\n');
    const length = /\r\ncontent-length: *(\d+)\r\n/.exec(head);
    if (head.includes('\r\ntransfer-encoding: chunked\r\n')) this.#state = 'chunked';
    else if (length !== null) {
      this.#bodyLeft = Number(length[1]);
      if (this.#bodyLeft > 0 && status !== 204 && status !== 304) this.#state = 'length';
    } else if (status !== 204 && status !== 304) this.#state = 'until-close';
    if (this.#state !== 'chunked') return used;
    this.#text = text.slice(used);
    return this.#readChunks();
  }

  #readChunks(): number {
    let at = 0;
    const text = this.#text;
    for (;;) {
      const line = text.indexOf('\r\n', at);
      if (line < 0) break;
      const size = Number.parseInt(text.slice(at, line), 16);
      if (Number.isNaN(size)) return -2;
      if (size === 0) {
        const end = text.indexOf('\r\n\r\n', line);
        if (end < 0) break;
        this.#state = 'head';
        return end + 4;
      }
      if (line + 2 + size + 2 > text.length) break;
      at = line + 2 + size + 2;
    }
    this.#text = text.slice(at);
    return -1;
  }
}
