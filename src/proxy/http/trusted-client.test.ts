// Whose address a request is taken to have, and its scheme, when somebody lies about both.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SeededRandom } from '#base';
import { HeaderBlock, type RequestHead } from '#wire/http';
import { prepareRequest } from './forwarding-headers.ts';
import type { ManagerConfig } from './manager-config.ts';

const DIRECT = '203.0.113.9';

function prepare(
  fields: readonly (readonly [string, string])[],
  settings: Partial<ManagerConfig> = {},
): { readonly head: RequestHead; readonly trusted: string } {
  const headers = new HeaderBlock();
  for (const [name, value] of fields) headers.add(name, value);
  const head: RequestHead = {
    method: 'GET',
    path: '/',
    authority: 'a.test',
    scheme: 'http',
    version: '1.1',
    protocol: '',
    headers,
  };
  const config = {
    underscores: 'allow',
    routes: { name: 'r', current: undefined },
    useRemoteAddress: false,
    trustedHops: 0,
    skipXffAppend: false,
    internalAddress: (address: string) => address.startsWith('10.'),
    appendForwardedPort: false,
    schemeOverwrite: '',
    addUserAgent: '',
    defaultHostForHttp10: '',
    stripPort: 'none',
    stripTrailingDot: false,
    via: '',
    generateRequestId: true,
    preserveExternalRequestId: false,
    ...settings,
  } as ManagerConfig;
  const client = { remoteAddress: DIRECT, localPort: 8080, tls: true };
  const { trustedAddress } = prepareRequest(head, client, config, new SeededRandom(1));
  return { head, trusted: trustedAddress };
}

const edge = { useRemoteAddress: true };
const behindOne = { ...edge, trustedHops: 1 };
const named = (...lines: string[]): (readonly [string, string])[] => lines.map((line) => ['X-Forwarded-For', line]);

test('at an edge the connection’s address counts, whatever the client says', () => {
  const { head, trusted } = prepare(named('10.0.0.1'), edge);
  assert.equal(trusted, DIRECT);
  assert.equal(head.headers.get('x-forwarded-for'), `10.0.0.1,${DIRECT}`);
});

test('behind trusted hops the address that the last of them saw counts', () => {
  assert.equal(prepare(named('10.0.0.1, 198.51.100.7'), behindOne).trusted, '198.51.100.7');
  assert.equal(prepare(named('10.0.0.1', '198.51.100.7'), behindOne).trusted, '198.51.100.7', 'two lines are one list');
});

test('what is no address is none: the connection’s counts, so that no range is got around', () => {
  for (const text of ['10.0.0.1:4444', 'dead', '1.2.3', '::1::', '10.0.0.256', '010.0.0.1', '[::1]', 'unknown', '']) {
    assert.equal(prepare(named(text), behindOne).trusted, DIRECT, text);
    assert.equal(prepare(named(text)).trusted, DIRECT, text);
  }
});

test('the scheme is http or https and nothing else, even behind trusted hops', () => {
  for (const said of [['javascript'], ['HTTPS '], [''], ['http, https'], ['http', 'https']])
    for (const settings of [behindOne, {}]) {
      const { head } = prepare(
        said.map((value) => ['x-forwarded-proto', value] as const),
        settings,
      );
      assert.equal(head.scheme, 'https', said.join());
      assert.deepEqual(head.headers.getAll('x-forwarded-proto'), ['https'], said.join());
    }
});

test('a name with underscores is dropped where that is asked for', () => {
  assert.equal(prepare([['X_Role', 'admin']], { underscores: 'drop' }).head.headers.has('x_role'), false);
});

test('a scheme that is configured is told to the application, as is whom the request came through', () => {
  const { head } = prepare([['via', '1.1 before']], { ...edge, schemeOverwrite: 'http', via: 'gateway' });
  assert.deepEqual([head.scheme, head.headers.get('x-forwarded-proto')], ['http', 'http']);
  assert.deepEqual(head.headers.getAll('via'), ['1.1 before', 'gateway']);
});

test('an internal client is named so also where somebody in front says its address', () => {
  assert.equal(prepare(named('10.0.0.1')).head.headers.get('x-envoy-internal'), 'true');
  assert.equal(prepare(named('198.51.100.7')).head.headers.get('x-envoy-internal'), undefined);
  assert.equal(prepare(named('10.0.0.1', '10.0.0.2')).head.headers.get('x-envoy-internal'), undefined);
});

test('an empty list of addresses is none', () => {
  assert.equal(prepare(named(''), edge).head.headers.get('x-forwarded-for'), DIRECT);
});
