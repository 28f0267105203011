// Makes one request to both data planes and says in which observations they differ; random choices compare as classes.
import type { Lab } from '../scenarios/list/lab.ts';
import { make, type Outcome } from '../scenarios/list/calls.ts';
import type { Ask } from './generate.ts';

/** Differ by nature: time, ids, the proxy's own name. */
const IGNORED_DOWNSTREAM = new Set([
  'date',
  'x-envoy-upstream-service-time',
  'connection',
  'keep-alive',
  'content-length',
  'transfer-encoding',
  'x-envoy-decorator-operation',
  'x-backend',
]);
const IGNORED_UPSTREAM = new Set([
  'x-request-id',
  'x-case',
  'x-forwarded-for',
  'x-envoy-peer-metadata',
  'x-envoy-peer-metadata-id',
  'x-forwarded-client-cert',
  'x-b3-traceid',
  'x-b3-spanid',
  'x-b3-sampled',
  'x-envoy-internal',
  'content-length',
  'transfer-encoding',
  'connection',
  'x-envoy-expected-rq-timeout-ms',
  'x-envoy-decorator-operation',
  'host',
]);

let count = 0;

export async function ask(lab: Lab, one: Ask): Promise<Readonly<Record<string, string>>> {
  const id = `pair-${++count}`;
  const outcome = await make(
    lab,
    {
      via: one.via,
      method: one.method,
      path: one.path,
      host: one.host,
      headers: one.headers,
      ...(one.identity === undefined
        ? {}
        : {
            tls: {
              identity: one.identity,
              alpn: ['istio-http/1.1', 'istio', 'http/1.1'],
              sni: 'outbound_.8000_._.server.default.svc.cluster.local',
            },
          }),
    },
    id,
  );
  return observed(outcome, lab.backends.arrivals.of(id).length);
}

function observed(outcome: Outcome, arrivals: number): Readonly<Record<string, string>> {
  const facts: Record<string, string> = {
    answered: outcome.error === '' ? 'yes' : 'no',
    status: String(outcome.status),
    arrivals: String(arrivals),
    backend: outcome.backend.replace(/-v\d$/, ''),
  };
  const { seen } = outcome;
  if (seen === undefined) facts['body'] = outcome.headers['x-backend'] === undefined ? outcome.body : '';
  else {
    facts['upstream.method'] = seen.method;
    facts['upstream.path'] = seen.path;
    facts['upstream.authority'] = seen.authority;
    facts['upstream.protocol'] = seen.protocol;
    for (const [name, value] of Object.entries(seen.headers))
      if (!name.startsWith(':') && !IGNORED_UPSTREAM.has(name)) facts[`upstream.${name}`] = String(value);
  }
  for (const [name, value] of Object.entries(outcome.headers))
    if (!name.startsWith(':') && !IGNORED_DOWNSTREAM.has(name)) facts[`downstream.${name}`] = String(value);
  return facts;
}

export function differences(
  a: Readonly<Record<string, string>>,
  b: Readonly<Record<string, string>>,
): readonly string[] {
  return [...new Set([...Object.keys(a), ...Object.keys(b)])]
    .filter((key) => oneSpelling(a[key]) !== oneSpelling(b[key]))
    .map((key) => `${key}: topsail ${JSON.stringify(a[key])}, envoy ${JSON.stringify(b[key])}`);
}

/** The case of percent-escapes is an argued difference (scenarios/list/differences.ts). */
function oneSpelling(text: string | undefined): string | undefined {
  return text?.replace(/%[0-9a-f]{2}/gi, (escape) => escape.toUpperCase());
}
