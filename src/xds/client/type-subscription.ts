// One type on the client's side: what its owner wants, what the server was told, what is held.
import { XDS_LIMITS } from '../limits.ts';
import type { Reject } from './xds-batch.ts';

export class TypeSubscription {
  readonly typeUrl: string;
  wildcard = false;
  names: ReadonlySet<string> = new Set();
  /** Versions of what was applied; told to the server after a reconnect. */
  readonly held = new Map<string, string>();
  rejects: readonly Reject[] = [];
  version = '';
  nonce = '';
  /** What this stream's server was told; undefined before the first request. */
  #told: { readonly wildcard: boolean; readonly names: ReadonlySet<string> } | undefined;

  constructor(typeUrl: string) {
    this.typeUrl = typeUrl;
  }

  /** A new stream knows nothing. */
  reset(): void {
    this.#told = undefined;
    this.nonce = '';
  }

  get begun(): boolean {
    return this.#told !== undefined;
  }

  wants(name: string): boolean {
    return this.wildcard || this.names.has(name);
  }

  want(wildcard: boolean, names: ReadonlySet<string>): void {
    this.wildcard = wildcard;
    this.names = names;
    if (!wildcard) for (const name of this.held.keys()) if (!names.has(name)) this.held.delete(name);
  }

  /** What the server has to be told so that it knows what is wanted; undefined when it does. */
  tell(): { readonly subscribe: readonly string[]; readonly unsubscribe: readonly string[] } | undefined {
    const told = this.#told;
    if (told === undefined && !this.wildcard && this.names.size === 0) return undefined;
    const subscribe: string[] = [];
    const unsubscribe: string[] = [];
    for (const name of this.names) if (told?.names.has(name) !== true) subscribe.push(name);
    if (told !== undefined) for (const name of told.names) if (!this.names.has(name)) unsubscribe.push(name);
    if (this.wildcard && told?.wildcard !== true && (told !== undefined || subscribe.length > 0)) subscribe.push('*');
    if (!this.wildcard && told?.wildcard === true) unsubscribe.push('*');
    if (told !== undefined && subscribe.length === 0 && unsubscribe.length === 0) return undefined;
    this.#told = { wildcard: this.wildcard, names: this.names };
    return { subscribe, unsubscribe };
  }

  rejectionText(): string {
    return this.rejects
      .map((r) => `${r.name}: ${r.detail}`)
      .join('; ')
      .slice(0, XDS_LIMITS.detailMax);
  }
}
