// Who spoke first on a port's connections so far: says how long its silent clients wait before their endpoint is dialled
// (protocol detection without a time limit that a server that speaks first could hit).

export type FirstSpeaker = 'client' | 'server';

/** Ports known at a time; the one that was learned first makes room. */
const PORTS_MAX = 1024;

/** Clients that speak at once, as those of HTTP do, cost no second connection. */
const UNKNOWN_MS = 10;
/** A connection that a client of HTTP opened for later is dialled for, too: it may not be one. */
const CLIENT_FIRST_MS = 100;

export class FirstSpeakers {
  readonly #known = new Map<string, FirstSpeaker>();

  /** `port`: where connections go to, as `address:port`. Milliseconds. */
  patienceMs(port: string): number {
    const known = this.#known.get(port);
    return known === undefined ? UNKNOWN_MS : known === 'server' ? 0 : CLIENT_FIRST_MS;
  }

  of(port: string): FirstSpeaker | undefined {
    return this.#known.get(port);
  }

  note(port: string, speaker: FirstSpeaker): void {
    if (this.#known.get(port) === speaker) return;
    if (this.#known.size >= PORTS_MAX) this.#known.delete(this.#known.keys().next().value ?? '');
    this.#known.set(port, speaker);
  }
}
