// Tokens at a gateway and at a server's sidecar: what passes, what is refused, what goes on, and routes that claims choose.
import type { Call, Feature, Scenario } from './scenario.ts';
import { EDGE_GATEWAY, DENIED, OK, plain, policy, SELECT } from './server-calls.ts';
import { bearer, forged, ISSUER, jwtRule, KEYS, token } from './tokens.ts';
import { to, WEB_SUBSETS } from './yaml.ts';

const atServer = (more = ''): string =>
  policy('tokens', 'RequestAuthentication', `{ ${SELECT}, jwtRules: [${jwtRule(more)}] }`);
const PLAIN_MTLS = policy('modes', 'PeerAuthentication', '{ mtls: { mode: PERMISSIVE } }');

const onlyViewers = (claim: string): string =>
  policy(
    'viewers',
    'AuthorizationPolicy',
    `{ ${SELECT}, rules: [{ when: [{ key: "request.auth.claims[${claim}]", values: [viewer] }] }] }`,
  );

function scenario(name: string, proves: string, config: string, ...steps: Scenario['steps']): Scenario {
  const fields = proves.split(' ').map((field) => `RequestAuthentication.jwtRules${field}`);
  return { name: `tokens: ${name}`, proves: fields, config, steps };
}

const SERVER: Feature = [
  scenario(
    'a good one passes, a forged, foreign or ended one does not, none passes',
    '.jwks',
    PLAIN_MTLS + atServer(),
    { call: plain({ headers: bearer({}) }), expect: OK },
    { call: plain(), expect: OK },
    { call: plain({ headers: bearer({}, forged.privateKey) }), expect: { status: 401, arrivals: 0 } },
    { call: plain({ headers: bearer({ iss: 'https://other.example' }) }), expect: { status: 401, arrivals: 0 } },
    { call: plain({ headers: bearer({ exp: 1_000_000 }) }), expect: { status: 401, arrivals: 0 } },
  ),
  scenario(
    'audiences',
    '.audiences',
    PLAIN_MTLS + atServer('audiences: [shop]'),
    { call: plain({ headers: bearer({ aud: ['shop', 'bar'] }) }), expect: OK },
    { call: plain({ headers: bearer({ aud: 'bar' }) }), expect: { status: 403, arrivals: 0 } },
  ),
  scenario(
    'in a header of its own, a parameter, a cookie',
    '.fromHeaders .fromParams .fromCookies',
    PLAIN_MTLS + atServer('fromHeaders: [{ name: x-token, prefix: "jwt " }], fromParams: [t], fromCookies: [c]'),
    { call: plain({ headers: { 'x-token': `jwt ${token({})}` } }), expect: OK },
    { call: plain({ headers: { 'x-token': `jwt ${token({}, forged.privateKey)}` } }), expect: { status: 401 } },
    { call: plain({ path: `/?t=${token({}, forged.privateKey)}` }), expect: { status: 401 } },
    { call: plain({ headers: { cookie: `c=${token({}, forged.privateKey)}` } }), expect: { status: 401 } },
  ),
  scenario(
    'a claim of words apart is a list where the rule says so',
    '.spaceDelimitedClaims',
    PLAIN_MTLS + atServer('spaceDelimitedClaims: [roles]') + onlyViewers('roles'),
    { call: plain({ headers: bearer({ roles: 'editor viewer' }) }), expect: OK },
    { call: plain({ headers: bearer({ roles: 'editor viewers' }) }), expect: { status: 403, arrivals: 0 } },
    { call: plain(), expect: { status: 403, arrivals: 0 } },
  ),
  scenario(
    'a claim of words apart is one text elsewhere',
    '.spaceDelimitedClaims',
    PLAIN_MTLS + atServer() + onlyViewers('roles'),
    { call: plain({ headers: bearer({ roles: 'editor viewer' }) }), expect: { status: 403, arrivals: 0 } },
    { call: plain({ headers: bearer({ roles: ['editor', 'viewer'] }) }), expect: OK },
  ),
  scenario(
    'a claim inside of a claim, as text and in a list',
    '',
    PLAIN_MTLS + atServer() + onlyViewers('realm][roles'),
    { call: plain({ headers: bearer({ realm: { roles: 'viewer' } }) }), expect: OK },
    { call: plain({ headers: bearer({ realm: { roles: ['editor', 'viewer'] } }) }), expect: OK },
    { call: plain({ headers: bearer({ realm: { roles: ['editor'] } }) }), expect: { status: 403, arrivals: 0 } },
    { call: plain({ headers: bearer({ 'realm][roles': 'viewer' }) }), expect: { status: 403, arrivals: 0 } },
  ),
  scenario(
    'claims go on in headers that a caller cannot write',
    '.outputClaimToHeaders',
    PLAIN_MTLS +
      atServer('outputClaimToHeaders: [{ header: x-group, claim: group }, { header: x-er, claim: deep.er }]'),
    {
      call: plain({ headers: { ...bearer({ group: 'dev', deep: { er: 'in' } }), 'x-group': 'root' } }),
      expect: { ...OK, upstream: { 'x-group': 'dev', 'x-er': 'in', authorization: null } },
    },
  ),
  scenario(
    'the token itself goes on when that is asked for',
    '.forwardOriginalToken .outputPayloadToHeader',
    PLAIN_MTLS + atServer('forwardOriginalToken: true, outputPayloadToHeader: x-payload'),
    {
      call: plain({ headers: bearer({}) }),
      expect: { ...OK, upstream: { authorization: /^Bearer ey/, 'x-payload': /^ey/ } },
    },
  ),
];

const UNKNOWN = { status: 401, arrivals: 0 } as const;
/** Where the laboratory serves the issuer's keys, that late. */
const atUri = (more: string, lateMs = 0): string =>
  policy(
    'tokens',
    'RequestAuthentication',
    `{ ${SELECT}, jwtRules: [{ issuer: "${ISSUER}", jwksUri: "http://127.0.0.1:\${port:key-sets}/${lateMs}/${Buffer.from(KEYS).toString('base64url')}"${more} }] }`,
  );
const whose = (source: string, action = 'ALLOW'): string =>
  policy(
    'whose',
    'AuthorizationPolicy',
    `{ ${SELECT}, action: ${action}, rules: [{ from: [{ source: { ${source} } }] }] }`,
  );
const subject = (field: string, name: string, config: string, ...steps: Scenario['steps']): Scenario => ({
  name: `tokens: ${name}`,
  proves: [`AuthorizationPolicy.rules.from.source.${field}`],
  config: PLAIN_MTLS + atServer() + config,
  steps,
});

const ISSUERS: Feature = [
  scenario(
    'the issuer’s keys are fetched',
    '.jwksUri .timeout',
    PLAIN_MTLS + atUri(', timeout: 5s', 300),
    { call: plain({ headers: bearer({}) }), expect: OK },
    { call: plain({ headers: bearer({}, forged.privateKey) }), expect: UNKNOWN },
  ),
  scenario('keys that come too late are none', '.timeout', PLAIN_MTLS + atUri(', timeout: 50ms', 3000), {
    call: plain({ headers: bearer({}) }),
    expect: UNKNOWN,
  }),
  scenario(
    'a rule that demands one',
    '.presence',
    PLAIN_MTLS + atServer('presence: REQUIRED'),
    { call: plain({ headers: bearer({}) }), expect: OK },
    { call: plain(), expect: UNKNOWN },
  ),
  {
    name: 'tokens: rules of another workload do nothing',
    proves: ['RequestAuthentication.selector'],
    config: PLAIN_MTLS + atServer().replace('app: server', 'app: other'),
    steps: [{ call: plain({ headers: bearer({}, forged.privateKey) }), expect: OK }],
  },
  subject(
    'requestPrincipals',
    'ALLOW: whose token it is',
    whose(`requestPrincipals: ["${ISSUER}/ann"]`),
    { call: plain({ headers: bearer({}) }), expect: OK },
    { call: plain({ headers: bearer({ sub: 'bob' }) }), expect: DENIED },
    { call: plain(), expect: DENIED },
  ),
  subject(
    'requestPrincipals',
    'DENY: whose token it is, by what it begins and ends with',
    whose(`requestPrincipals: ["${ISSUER}/a*", "*/bob"]`, 'DENY'),
    { call: plain({ headers: bearer({}) }), expect: DENIED },
    { call: plain(), expect: OK },
  ),
  subject(
    'notRequestPrincipals',
    'DENY: whoever has no token',
    whose('notRequestPrincipals: ["*"]', 'DENY'),
    { call: plain({ headers: bearer({}) }), expect: OK },
    { call: plain(), expect: DENIED },
  ),
];

const GATEWAY = `${EDGE_GATEWAY}${policy('tokens', 'RequestAuthentication', `{ selector: { matchLabels: { istio: ingressgateway } }, jwtRules: [${jwtRule()}] }`, 'istio-system')}`;

const way = (version: string): string => to('web', version).replace('host: web', 'host: web, port: { number: 8000 }');

/** v2 for whom the match holds, v1 for everybody else. */
function routed(match: string): string {
  return `${GATEWAY}${WEB_SUBSETS}apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: shop, namespace: default }
spec: { hosts: ["*"], gateways: [edge], http: [{ match: [${match}], ${way('v2')} }, { ${way('v1')} }] }
---
`;
}

const through = (claims?: object, more: Partial<Call> = {}): Call => ({
  via: 'gateway',
  ...(claims === undefined ? {} : { headers: bearer(claims) }),
  ...more,
});
const V1 = { status: 200, backend: 'web-v1' } as const;
const V2 = { status: 200, backend: 'web-v2' } as const;

const ROUTES: Feature = [
  scenario(
    'a route asks for a claim',
    '',
    routed('{ headers: { "@request.auth.claims.group": { exact: dev } } }'),
    { call: through({ group: 'dev' }), expect: V2 },
    { call: through({ group: 'ops' }), expect: V1 },
    { call: through({ group: ['ops', 'dev'] }), expect: V2 },
    { call: through(), expect: V1 },
    { call: through(undefined, { headers: { group: 'dev', 'request.auth.claims.group': 'dev' } }), expect: V1 },
    { call: through(undefined, { headers: bearer({ group: 'dev' }, forged.privateKey) }), expect: { status: 401 } },
  ),
  scenario(
    'a route asks for a claim inside another',
    '',
    routed('{ headers: { "@request.auth.claims[deep][er]": { prefix: in } } }'),
    { call: through({ deep: { er: 'inside' } }), expect: V2 },
    { call: through({ deep: { er: 'outside' } }), expect: V1 },
    { call: through({ deep: 'inside' }), expect: V1 },
  ),
  scenario(
    'a route refuses a claim',
    '',
    routed('{ withoutHeaders: { "@request.auth.claims.group": { exact: dev } } }'),
    { call: through({ group: 'dev' }), expect: V1 },
    { call: through({ group: 'ops' }), expect: V2 },
    { call: through(), expect: V2 },
  ),
];

export const feature: Feature = [...SERVER, ...ISSUERS, ...ROUTES];
