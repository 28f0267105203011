// Tokens of end users over real sockets: configuration text through translation to the proxy and a Node application.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { startApp, fetchText } from './proxy-fixture.ts';
import { runGateway, runInbound } from './security-fixture.ts';

const ISSUER = 'https://issuer.example';
const pair = await generateKeyPair('ES256');
const jwks = JSON.stringify({ keys: [{ ...(await exportJWK(pair.publicKey)), kid: 'one' }] });

function token(
  claims: Record<string, unknown> = {},
  changes: { readonly issuer?: string; readonly seconds?: number } = {},
): Promise<string> {
  return new SignJWT({ sub: 'ann', groups: ['dev', 'ops'], scope: 'read write', deep: { er: 'x' }, ...claims })
    .setProtectedHeader({ alg: 'ES256', kid: 'one' })
    .setIssuer(changes.issuer ?? ISSUER)
    .setExpirationTime(Math.floor(Date.now() / 1000) + (changes.seconds ?? 600))
    .sign(pair.privateKey);
}

const authentication = (extra = ''): string => `
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: { name: jwt, namespace: shop }
spec:
  jwtRules:
  - issuer: ${ISSUER}
    jwks: '${jwks}'
${extra}`;

const policy = (name: string, spec: string): string => `
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: ${name}, namespace: shop }
spec: ${spec}
`;

async function echo() {
  return await startApp((request, response) =>
    response.end(JSON.stringify({ url: request.url, headers: request.headers })),
  );
}

const bearer = (text: string): Record<string, string> => ({ authorization: `Bearer ${text}` });

test('no token passes, a good one passes, a bad one is answered in Envoy’s words', async (t) => {
  const app = await echo();
  const proxy = await runInbound(authentication(), app.port);
  t.after(() => (proxy.close(), app.close()));
  const say = async (headers: Record<string, string>): Promise<string> => {
    const answer = await fetchText(proxy.appPort, '/a?b=c', { headers: { host: 'shop.example', ...headers } });
    return `${answer.status} ${answer.status === 200 ? 'ok' : answer.body}`;
  };
  assert.equal(await say({}), '200 ok');
  assert.equal(await say(bearer(await token())), '200 ok');
  assert.equal(await say(bearer(await token({}, { seconds: -100 }))), '401 Jwt is expired');
  assert.equal(
    await say(bearer(await token({}, { issuer: 'https://evil.example' }))),
    '401 Jwt issuer is not configured',
  );
  assert.equal(await say(bearer(`${(await token()).slice(0, -6)}AAAAAA`)), '401 Jwt verification fails');
  assert.equal(
    await say(bearer('nonsense')),
    '401 Jwt is not in the form of Header.Payload.Signature with two dots and 3 sections',
  );
  const refused = await fetchText(proxy.appPort, '/a?b=c', { headers: { host: 'shop.example', ...bearer('x.y.z') } });
  assert.equal(refused.headers['www-authenticate'], 'Bearer realm="http://shop.example/a?b=c", error="invalid_token"');
});

test('the token is taken away, its claims go on in headers that nobody else can write', async (t) => {
  const app = await echo();
  const proxy = await runInbound(
    authentication(
      '    outputPayloadToHeader: x-payload\n    outputClaimToHeaders: [{header: x-group, claim: deep.er}]\n',
    ),
    app.port,
  );
  t.after(() => (proxy.close(), app.close()));
  const seen = async (
    headers: Record<string, string>,
    path = '/',
  ): Promise<{ url: string; headers: Record<string, string> }> =>
    JSON.parse((await fetchText(proxy.appPort, path, { headers })).body) as {
      url: string;
      headers: Record<string, string>;
    };
  const good = await seen(bearer(await token()));
  assert.equal(good.headers['authorization'], undefined);
  assert.equal(good.headers['x-group'], 'x');
  assert.equal(
    (JSON.parse(Buffer.from(good.headers['x-payload'] ?? '', 'base64url').toString()) as { sub: string }).sub,
    'ann',
  );
  const forged = await seen({ 'x-group': 'admin', 'X-Payload': 'e30' });
  assert.deepEqual([forged.headers['x-group'], forged.headers['x-payload']], [undefined, undefined]);
  assert.equal((await seen({}, `/p?a=1&access_token=${await token()}&b=2`)).url, '/p?a=1&b=2');
});

test('a good token never covers a bad one beside it', async (t) => {
  const app = await echo();
  const proxy = await runInbound(
    authentication(
      '    fromHeaders: [{name: x-token}]\n    fromParams: [token]\n    fromCookies: [session]\n    forwardOriginalToken: true\n',
    ),
    app.port,
  );
  t.after(() => (proxy.close(), app.close()));
  const good = await token();
  const status = async (path: string, headers: Record<string, string> = {}): Promise<number> =>
    (await fetchText(proxy.appPort, path, { headers })).status;
  assert.equal(await status('/', { 'x-token': good }), 200);
  assert.equal(await status(`/?token=${good}`), 200);
  assert.equal(await status('/', { cookie: `a=b; session=${good}` }), 200);
  assert.equal(await status(`/?token=${good}`, { 'x-token': 'bad' }), 401);
  assert.equal(await status(`/?token=${good}&token=bad`), 401);
  assert.equal(await status(`/?token=${good}&%74oken=bad`), 401);
  assert.equal(await status('/', { cookie: `session=${good}; session=bad` }), 401);
  assert.equal(await status('/', bearer('not looked for')), 200);
});

test('policies read the token: principals, claims, lists, scopes; without one nothing holds', async (t) => {
  const app = await echo();
  const proxy = await runInbound(
    authentication() +
      policy(
        'claims',
        `{ rules: [ { to: [{operation: {paths: ["/who"]}}], from: [{source: {requestPrincipals: ["${ISSUER}/ann"]}}] },
        { to: [{operation: {paths: ["/any"]}}], from: [{source: {requestPrincipals: ["*"]}}] },
        { to: [{operation: {paths: ["/group"]}}], when: [{key: "request.auth.claims[groups]", values: ["ops"]}] },
        { to: [{operation: {paths: ["/deep"]}}], when: [{key: "request.auth.claims[deep][er]", values: ["x"]}] },
        { to: [{operation: {paths: ["/scope"]}}], when: [{key: "request.auth.claims[scope]", values: ["write"]}] },
        { to: [{operation: {paths: ["/not"]}}], when: [{key: "request.auth.claims[groups]", notValues: ["ops"]}] } ] }`,
      ),
    app.port,
  );
  t.after(() => (proxy.close(), app.close()));
  const good = await token();
  const bob = await token({ sub: 'bob', groups: ['dev'], scope: 'read', deep: {} });
  const status = async (path: string, text?: string): Promise<number> =>
    (await fetchText(proxy.appPort, path, text === undefined ? {} : { headers: bearer(text) })).status;
  for (const path of ['/who', '/any', '/group', '/deep', '/scope'])
    assert.deepEqual([await status(path, good), await status(path)], [200, 403], path);
  for (const path of ['/who', '/group', '/deep', '/scope']) assert.equal(await status(path, bob), 403, path);
  assert.deepEqual([await status('/not', good), await status('/not', bob)], [403, 200]);
});

test('without a key every token is refused, none passes', async (t) => {
  const app = await echo();
  const proxy = await runInbound(authentication().replace(/jwks: .*/, 'jwksUri: http://127.0.0.1:1/keys'), app.port);
  t.after(() => (proxy.close(), app.close()));
  const answer = await fetchText(proxy.appPort, '/', { headers: bearer(await token()) });
  assert.deepEqual([answer.status, answer.body], [401, "Jwks doesn't have key to match kid or alg from Jwt"]);
  assert.equal((await fetchText(proxy.appPort, '/')).status, 200);
});

test('a gateway routes by claims', async (t) => {
  const [people, staff] = [
    await startApp((_, response) => response.end('people')),
    await startApp((_, response) => response.end('staff')),
  ];
  const service = (name: string, port: number): string => `
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: ${name}, namespace: shop }
spec: { hosts: [${name}.example], location: MESH_EXTERNAL, resolution: STATIC, ports: [{ number: ${port}, name: http, protocol: HTTP }], endpoints: [{ address: 127.0.0.1 }] }
`;
  const gateway = await runGateway(`${authentication()}${service('people', people.port)}${service('staff', staff.port)}
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: gateway, namespace: shop }
spec: { selector: { istio: gateway }, servers: [{ port: { number: 8080, name: http, protocol: HTTP }, hosts: ["*"] }] }
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: shop, namespace: shop }
spec:
  hosts: ["*"]
  gateways: [gateway]
  http:
  - match: [{ headers: { "@request.auth.claims.groups": { exact: ops }, "@request.auth.claims[deep][er]": { prefix: x } } }]
    route: [{ destination: { host: staff.example, port: { number: ${staff.port} } } }]
  - route: [{ destination: { host: people.example, port: { number: ${people.port} } } }]
`);
  t.after(() => (gateway.close(), people.close(), staff.close()));
  const to = async (headers: Record<string, string>): Promise<string> =>
    (await fetchText(gateway.appPort, '/', { headers })).body;
  assert.equal(await to({}), 'people');
  assert.equal(await to(bearer(await token())), 'staff');
  assert.equal(await to(bearer(await token({ groups: ['dev'] }))), 'people');
  assert.equal(await to(bearer('x.y.z')), 'Jwt header is an invalid Base64url encoded');
});
