// Fetches documents and modules from an address that configuration named, and never from a place that `mayDial` refuses:
// every address is judged when it is dialled, and again for every redirect (server-side request forgery).
import { lookup } from 'node:dns/promises';
import { request as httpRequest } from 'node:http';
import type { IncomingHttpHeaders } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { LookupFunction } from 'node:net';
import { isIP } from 'node:net';
import { err, ok, type Result } from '#base';

export interface SafeFetchOptions {
  /** Judges the IP address that is about to be dialled. */
  readonly mayDial: (address: string) => boolean;
  readonly timeoutMs: number;
  readonly bytesMax: number;
  readonly redirectsMax?: number;
  /** Roots beside the system's, PEM. */
  readonly rootsPem?: string;
}

export type SafeFetchError = { readonly kind: 'refused' | 'failed'; readonly message: string };
type Failed = Result<never, SafeFetchError>;
type Fetched = Result<string, SafeFetchError>;

const REDIRECTS_MAX = 3;

/** A document that is text. */
export async function safeFetch(address: string, options: SafeFetchOptions): Promise<Fetched> {
  const answer = await safeRequest(address, { ...options, headers: { accept: 'application/json' } });
  if (!answer.ok) return answer;
  const { status, body } = answer.value;
  return status === 200 ? ok(body.toString('utf8')) : failed(`status ${status}`);
}

export interface SafeAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | undefined>>;
  /** Empty unless the status is 200. */
  readonly body: Buffer;
}

/** One GET, whatever its final status. An `authorization` is for the first address' origin: no redirect takes it elsewhere. */
export async function safeRequest(
  address: string,
  options: SafeFetchOptions & { readonly headers?: Readonly<Record<string, string>> },
): Promise<Result<SafeAnswer, SafeFetchError>> {
  let at = address;
  let headers = options.headers ?? {};
  const deadline = AbortSignal.timeout(options.timeoutMs);
  for (let hop = 0; hop <= (options.redirectsMax ?? REDIRECTS_MAX); hop++) {
    if (!URL.canParse(at)) return failed(`"${at.slice(0, 200)}" is no address`);
    const url = new URL(at);
    if (url.protocol !== 'http:' && url.protocol !== 'https:')
      return refused(`${url.protocol} is neither http nor https`);
    if (url.username !== '' || url.password !== '') return refused('the address holds credentials');
    const answer = await fetchOnce(url, headers, options, deadline);
    if ('status' in answer) return ok(answer);
    if (!('redirect' in answer)) return err(answer);
    const next = URL.canParse(answer.redirect, url.href) ? new URL(answer.redirect, url) : undefined;
    if (next === undefined) return failed('a redirect names no address');
    if (url.protocol === 'https:' && next.protocol !== 'https:') return refused('a redirect leads from https to http');
    if (next.origin !== url.origin) {
      const { authorization: _, ...others } = headers;
      headers = others;
    }
    at = next.href;
  }
  return failed('too many redirects');
}

function fetchOnce(
  url: URL,
  headers: Readonly<Record<string, string>>,
  options: SafeFetchOptions,
  signal: AbortSignal,
): Promise<SafeAnswer | SafeFetchError | { readonly redirect: string }> {
  const host = url.hostname.replace(/^\[|\]$/g, '');
  if (isIP(host) !== 0 && !options.mayDial(host))
    return Promise.resolve({ kind: 'refused', message: `${host} may not be dialled` });
  return new Promise((resolve) => {
    const fault = (error: Error): void =>
      resolve(
        error instanceof Refused
          ? { kind: 'refused', message: error.message }
          : { kind: 'failed', message: signal.aborted ? 'no answer in time' : error.message },
      );
    const request = (url.protocol === 'https:' ? httpsRequest : httpRequest)(
      url,
      {
        agent: false,
        signal,
        lookup: judgedLookup(options.mayDial),
        headers,
        ...(options.rootsPem === undefined ? {} : { ca: options.rootsPem }),
      },
      (response) => {
        const { statusCode = 0 } = response;
        const { location } = response.headers;
        if (statusCode >= 300 && statusCode < 400 && location !== undefined) {
          response.destroy();
          resolve({ redirect: location });
          return;
        }
        const answer = (body: Buffer): SafeAnswer => ({ status: statusCode, headers: textsOf(response.headers), body });
        if (statusCode !== 200) {
          response.destroy();
          resolve(answer(Buffer.alloc(0)));
          return;
        }
        const pieces: Buffer[] = [];
        let bytes = 0;
        response.on('data', (piece: Buffer) => {
          bytes += piece.length;
          if (bytes > options.bytesMax) response.destroy(new Error(`more than ${options.bytesMax} bytes`));
          else pieces.push(piece);
        });
        response.on('end', () => resolve(answer(Buffer.concat(pieces))));
        response.on('error', fault);
      },
    );
    request.on('error', fault);
    request.end();
  });
}

/** Repeated fields but cookies are joined already. */
function textsOf(headers: IncomingHttpHeaders): Readonly<Record<string, string | undefined>> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(', ') : value]),
  );
}

class Refused extends Error {}

/** Only what was judged is dialled: a name that changes between judging and dialling gains nothing. */
function judgedLookup(mayDial: (address: string) => boolean): LookupFunction {
  return (host, options, callback) => {
    lookup(host, { all: true, family: options.family === 4 || options.family === 6 ? options.family : 0 }).then(
      (found) => {
        const allowed = found.filter(({ address }) => mayDial(address));
        const [first] = allowed;
        if (first === undefined)
          callback(
            new Refused(`${host} is ${found.map(({ address }) => address).join(', ')}, which may not be dialled`),
            '',
          );
        else if (options.all === true) callback(null, allowed);
        else callback(null, first.address, first.family);
      },
      (error: Error) => callback(error, ''),
    );
  };
}

function refused(message: string): Failed {
  return err({ kind: 'refused', message });
}

function failed(message: string): Failed {
  return err({ kind: 'failed', message });
}
