// Reads what a policy says: true or false, or an object with `allowed` and what else the OPA-Envoy plugin knows.

import { type Decision, type HeaderChange, PLAINLY_ALLOWED } from '../ext-authz/decision.ts';

const DENIED: Decision = { kind: 'denied', status: 403, body: '', headers: [], metadata: undefined };

/** An undefined decision denies. */
export function decisionOf(result: unknown): Decision {
  if (result === true) return PLAINLY_ALLOWED;
  if (result === false || result === undefined) return DENIED;
  if (typeof result !== 'object' || result === null || Array.isArray(result))
    return { kind: 'error', reason: 'the decision is neither true, false nor an object' };
  const said = result as Readonly<Record<string, unknown>>;
  if (typeof said['allowed'] !== 'boolean') return { kind: 'error', reason: 'the decision has no `allowed`' };
  const metadata = objectOf(said['dynamic_metadata']);
  if (!said['allowed']) {
    const status = said['http_status'];
    if (
      status !== undefined &&
      !(typeof status === 'number' && Number.isInteger(status) && status >= 200 && status <= 599)
    )
      return { kind: 'error', reason: 'the decision’s `http_status` is no status' };
    return {
      kind: 'denied',
      status: status ?? 403,
      body: typeof said['body'] === 'string' ? said['body'] : '',
      headers: headersOf(said['headers'], 'append'),
      metadata,
    };
  }
  const remove = said['request_headers_to_remove'];
  const querySet = objectOf(said['query_parameters_to_set']);
  const queryRemove = said['query_parameters_to_remove'];
  return {
    ...PLAINLY_ALLOWED,
    requestHeaders: headersOf(said['headers'], 'set'),
    requestHeadersToRemove: textsOf(remove),
    responseHeaders: headersOf(said['response_headers_to_add'], 'append'),
    queryToSet: Object.entries(querySet ?? {}).flatMap(([name, value]) =>
      textsOf(value).map((text) => [name, text] as const),
    ),
    queryToRemove: textsOf(queryRemove),
    metadata,
  };
}

function objectOf(value: unknown): Readonly<Record<string, unknown>> | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : undefined;
}

function textsOf(value: unknown): readonly string[] {
  return typeof value === 'string'
    ? [value]
    : Array.isArray(value)
      ? value.filter((one) => typeof one === 'string')
      : [];
}

/** An object, or a list of objects, of texts or lists of texts. */
function headersOf(value: unknown, how: HeaderChange['how']): readonly HeaderChange[] {
  const objects = Array.isArray(value) ? value : value === undefined ? [] : [value];
  return objects.flatMap((object) =>
    Object.entries(objectOf(object) ?? {}).flatMap(([name, texts]) =>
      textsOf(texts).map((text, i) => ({
        name,
        value: Buffer.from(text, 'utf8').toString('latin1'),
        how: i === 0 ? how : ('append' as const),
      })),
    ),
  );
}
