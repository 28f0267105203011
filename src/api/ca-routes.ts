// The API of the certificate authority: how it stands, replacing its root, revoking certificates.
import { type HttpAnswer, type HttpAsked, type HttpRoute, jsonAnswer } from '#base';
import type { CaRevokeAsk, CaRotateAsk, CaStatusJson } from './ca-json.ts';

/** What was asked for, or one sentence saying why not. */
export type CaOutcome<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly problem: string };

export interface CaSource {
  status(): CaStatusJson;
  rotate(ask: CaRotateAsk): Promise<CaOutcome<CaStatusJson>>;
  revoke(ask: CaRevokeAsk): Promise<CaOutcome<readonly string[]>>;
}

/** A root that nobody hears of for longer than this is announced in vain. */
const SPREAD_MAX_MS = 7 * 24 * 3_600_000;

export function caRoutes(source: CaSource): readonly HttpRoute[] {
  return [
    { method: 'GET', path: '/api/v1/ca', answer: () => jsonAnswer(source.status()) },
    { method: 'POST', path: '/api/v1/ca/rotate', write: true, answer: (asked) => rotate(source, asked) },
    { method: 'POST', path: '/api/v1/ca/revoke', write: true, answer: (asked) => revoke(source, asked) },
  ];
}

async function rotate(source: CaSource, asked: HttpAsked): Promise<HttpAnswer> {
  const ask = readBody(asked) as CaRotateAsk;
  const { spreadMs } = ask;
  if (spreadMs !== undefined && !(Number.isFinite(spreadMs) && spreadMs >= 0 && spreadMs <= SPREAD_MAX_MS))
    return jsonAnswer({ error: `spreadMs is ${spreadMs}; give milliseconds up to ${SPREAD_MAX_MS}.` }, 400);
  const done = await source.rotate(ask);
  return done.ok ? jsonAnswer(done.value) : jsonAnswer({ error: done.problem }, 409);
}

async function revoke(source: CaSource, asked: HttpAsked): Promise<HttpAnswer> {
  const { serial, identity } = readBody(asked) as CaRevokeAsk;
  if ((serial === undefined) === (identity === undefined))
    return jsonAnswer({ error: 'Give a serial or an identity, one of them.' }, 400);
  const done = await source.revoke({
    ...(serial === undefined ? {} : { serial: String(serial) }),
    ...(identity === undefined ? {} : { identity: String(identity) }),
  });
  return done.ok ? jsonAnswer({ serials: done.value }) : jsonAnswer({ error: done.problem }, 409);
}

function readBody({ body }: HttpAsked): object {
  const value: unknown = body === '' ? {} : JSON.parse(body);
  return typeof value === 'object' && value !== null ? value : {};
}
