// What a plugin does to requests, and what becomes of them when it fails: one list for our proxy and for Envoy, behind one static bootstrap.

import assert from 'node:assert/strict';
import type { IncomingMessage, ServerResponse } from 'node:http';

const TYPE = 'type.googleapis.com';
export const PLUGIN_TYPE = `${TYPE}/envoy.extensions.filters.http.wasm.v3.Wasm`;

export type OnFailure = 'FAIL_CLOSED' | 'FAIL_OPEN' | 'FAIL_RELOAD';

/** The filter in protobuf's JSON form; `code` is a file's name or the module itself. */
export function pluginFilter(
  code: string | Uint8Array,
  options: {
    readonly configuration?: string;
    readonly policy?: OnFailure;
    readonly name?: string;
    readonly environment?: Readonly<Record<string, string>>;
  } = {},
): object {
  return {
    name: 'plugin',
    typed_config: {
      '@type': PLUGIN_TYPE,
      config: {
        name: options.name ?? 'kitchen',
        failure_policy: options.policy ?? 'FAIL_CLOSED',
        configuration: { '@type': `${TYPE}/google.protobuf.StringValue`, value: options.configuration ?? 'hello' },
        vm_config: {
          runtime: 'envoy.wasm.runtime.v8',
          environment_variables: { key_values: options.environment ?? {} },
          code: {
            local:
              typeof code === 'string' ? { filename: code } : { inline_bytes: Buffer.from(code).toString('base64') },
          },
        },
      },
    },
  };
}

/** Answers with what it got: the case looks at that. */
export function echo(request: IncomingMessage, response: ServerResponse): void {
  let body = '';
  request.setEncoding('utf8');
  request.on('data', (piece: string) => (body += piece));
  request.on('end', () => {
    if (request.url === '/loud') response.setHeader('x-shout', '1');
    response.end(request.url === '/loud' ? 'loud' : JSON.stringify({ headers: request.headers, body }));
  });
}

/** The service "svc" that a plugin asks. */
export function answerAsk(request: IncomingMessage, response: ServerResponse): void {
  response.end(`svc saw ${request.method} ${request.url}`);
}

export interface Seen {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}
export type Send = (
  path: string,
  options: { readonly method?: string; readonly headers?: Record<string, string>; readonly body?: string },
) => Promise<Seen>;

interface Echoed {
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: string;
}

export interface PluginCase {
  readonly name: string;
  run(send: Send): Promise<void>;
}

const doing = (letter: string): Record<string, string> => ({ 'x-do': letter });
const echoed = ({ status, body }: Seen): Echoed => {
  assert.equal(status, 200, body);
  return JSON.parse(body) as Echoed;
};

export const PLUGIN_CASES: readonly PluginCase[] = [
  {
    name: 'it reads its configuration and sets a request header',
    run: async (send) => {
      const seen = await send('/', { headers: { ...doing('a'), 'x-wasm': 'forged' } });
      assert.equal(echoed(seen).headers['x-wasm'], 'hello');
      assert.equal(seen.headers['x-wasm-response'], 'yes');
    },
  },
  {
    name: 'without being asked it leaves a request alone',
    run: async (send) => assert.equal(echoed(await send('/', {})).headers['x-wasm'], undefined),
  },
  {
    name: 'it answers by itself, and the answer goes back through it',
    run: async (send) => {
      const seen = await send('/', { headers: doing('d') });
      assert.deepEqual(
        [seen.status, seen.body, seen.headers['x-from'], seen.headers['x-wasm-response']],
        [418, 'teapot here', 'wasm', 'yes'],
      );
    },
  },
  {
    name: 'it asks a service before the request goes on',
    run: async (send) =>
      assert.equal(echoed(await send('/', { headers: doing('c') })).headers['x-call'], 'svc saw GET /ask'),
  },
  {
    name: 'with a body behind it, which waits meanwhile',
    run: async (send) => {
      const { headers, body } = echoed(await send('/', { method: 'POST', headers: doing('c'), body: 'some words' }));
      assert.deepEqual([headers['x-call'], body], ['svc saw GET /ask', 'some words']);
    },
  },
  {
    name: 'it changes the whole body of a request',
    run: async (send) => {
      const words = 'words '.repeat(5000);
      const seen = echoed(await send('/', { method: 'POST', headers: doing('b'), body: words }));
      assert.equal(seen.body, `W:${words}`);
    },
  },
  {
    name: 'it changes the whole body of an answer',
    run: async (send) => assert.equal((await send('/loud', {})).body, 'loud!'),
  },
  {
    name: 'it reads a property',
    run: async (send) =>
      assert.equal(echoed(await send('/a/b?c=d', { headers: doing('p') })).headers['x-prop'], '/a/b?c=d'),
  },
  {
    name: 'it keeps what it shares, and counts',
    run: async (send) => assert.equal(echoed(await send('/', { headers: doing('m') })).headers['seen'], 'yes'),
  },
  {
    name: 'it holds a request until its timer lets it go',
    run: async (send) => assert.equal((await send('/', { headers: doing('q') })).status, 200),
  },
];

/** Sends until it is so; a machine that is made anew takes its time. */
export async function eventually(what: string, holds: () => Promise<boolean>): Promise<void> {
  const end = Date.now() + 60_000;
  while (!(await holds())) {
    assert.ok(Date.now() < end, what);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** A trap's own request, and the next ones, by policy. */
export const FAILURE_CASES: Readonly<Record<OnFailure, PluginCase>> = {
  FAIL_CLOSED: {
    name: 'a plugin that broke refuses every request',
    run: async (send) => {
      assert.equal((await send('/', {})).status, 200);
      assert.equal((await send('/', { headers: doing('t') })).status, 503);
      assert.equal((await send('/', {})).status, 503);
    },
  },
  FAIL_OPEN: {
    name: 'a plugin that broke is passed by',
    run: async (send) => {
      assert.equal((await send('/', {})).headers['x-wasm-response'], 'yes');
      await send('/', { headers: doing('t') });
      const seen = await send('/', { headers: doing('d') });
      assert.deepEqual([seen.status, seen.headers['x-wasm-response']], [200, undefined]);
    },
  },
  FAIL_RELOAD: {
    name: 'a plugin that broke is made anew',
    run: async (send) => {
      assert.equal((await send('/', {})).status, 200);
      assert.equal((await send('/', { headers: doing('t') })).status, 503);
      await eventually('it runs again', async () => (await send('/', {})).headers['x-wasm-response'] === 'yes');
    },
  },
};
