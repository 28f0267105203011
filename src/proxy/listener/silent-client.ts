// A client that has said nothing on a port whose protocol is found out from the first bytes: its endpoint is dialled
// meanwhile, and whoever speaks first decides. Only where no policy has a say before bytes come, or allows it already.

import { Deadline } from '#base';
import type { DownstreamConnection, EarlyDial, EarlyNews, TerminalFilter } from '../network/filter.ts';
import type { FilterChain } from './listener-snapshot.ts';
import type { LiveListener } from './live-listener.ts';

/** On a port that services of HTTP share, what has another protocol goes past them: a client of theirs that waits is far likelier. */
const SHARED_PORT_MS = 1000;
/** Where nobody could be dialled: endpoints may come, or a breaker close. */
const AGAIN_MS = 1000;
/** Who has spoken and stands in line to be heard is not silent: looked at again after this. */
export const HELD_MS = 10;

export interface Undecided extends DownstreamConnection {
  /** The chain that fits what is known of the connection so far. */
  match(): FilterChain | undefined;
  /** No protocol was found in what came so far, if anything did. */
  goOnUnseen(): void;
}

export class SilentClient {
  readonly #connection: Undecided;
  readonly #listener: LiveListener;
  readonly #silence = new Deadline(() => this.#overdue());
  #news: EarlyNews | undefined = undefined;
  #dialled: { readonly by: TerminalFilter; readonly early: EarlyDial } | undefined = undefined;

  constructor(connection: Undecided, listener: LiveListener) {
    this.#connection = connection;
    this.#listener = listener;
    const { speakers, snapshot } = listener;
    const shared = snapshot.direction === 'outbound' && (snapshot.host === '0.0.0.0' || snapshot.host === '::');
    const patienceMs = Math.max(speakers.patienceMs(this.#port), shared ? SHARED_PORT_MS : 0);
    if (patienceMs === 0) this.#overdue();
    else this.#wait(patienceMs);
  }

  /** The client's own bytes decided. */
  spoke(): void {
    this.#listener.speakers.note(this.#port, 'client');
  }

  /** The connection goes to `chain`: what was dialled for it, if it was this chain that dialled. */
  handOver(chain: FilterChain | undefined): EarlyDial | undefined {
    this.#listener.services.wheel.cancel(this.#silence);
    const dialled = this.#dialled;
    this.#dialled = undefined;
    if (dialled !== undefined && dialled.by === chain?.terminal) return dialled.early;
    dialled?.early.abandon();
    return undefined;
  }

  get #port(): string {
    return `${this.#connection.localAddress}:${this.#connection.localPort}`;
  }

  #overdue(): void {
    if (this.#connection.conn.holdsUnread) this.#wait(HELD_MS);
    else if (this.#news !== undefined) this.#decide(this.#news);
    else this.#dial();
  }

  #dial(): void {
    const chain = this.#connection.match();
    if (chain === undefined || chain.tls !== undefined) return;
    if (!chain.filters.every((filter) => filter.allowsEarlyDial?.(this.#connection) === true)) return;
    const early = chain.terminal.dialEarly?.(this.#connection, (news) => this.#heard(news));
    if (early !== undefined) this.#dialled = { by: chain.terminal, early };
    else this.#wait(AGAIN_MS);
  }

  #wait(ms: number): void {
    const { wheel, clock } = this.#listener.services;
    wheel.arm(this.#silence, ms, clock.now());
  }

  #heard(news: EarlyNews): void {
    this.#news = news;
    this.#overdue();
  }

  #decide(news: EarlyNews): void {
    const { speakers } = this.#listener;
    if (news === 'spoke') speakers.note(this.#port, 'server');
    // What HTTP's clients open for later outlives what was dialled for them.
    else if (speakers.of(this.#port) === 'client') return;
    this.#connection.goOnUnseen();
  }
}
