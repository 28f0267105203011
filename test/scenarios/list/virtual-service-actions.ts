// VirtualService: what is done with a request that matched: rewrite, redirect, direct answers, headers, weights, mirrors.
import type { Expectation, Feature, Scenario } from './scenario.ts';
import { routes, to, virtualService, WEB_SUBSETS } from './yaml.ts';

const V1 = to('web', 'v1');

function rewrite(name: string, rule: string, path: string, expect: Expectation, proves = 'rewrite'): Scenario {
  return {
    name: `${proves}: ${name}`,
    proves: [`VirtualService.http.${proves}`],
    config: WEB_SUBSETS + routes(`{ ${rule}, ${V1} }`),
    steps: [{ call: { path }, expect: { status: 200, backend: 'web-v1', ...expect } }],
  };
}

const REWRITES: Feature = [
  rewrite('a prefix', 'match: [{ uri: { prefix: /old } }], rewrite: { uri: /new }', '/old/a?b=c', {
    path: '/new/a?b=c',
  }),
  rewrite('a prefix by one slash', 'match: [{ uri: { prefix: /old/ } }], rewrite: { uri: / }', '/old/a', {
    path: '/a',
  }),
  rewrite('a prefix without its slash', 'match: [{ uri: { prefix: /old } }], rewrite: { uri: / }', '/old', {
    path: '/',
  }),
  rewrite('a prefix by slash leaves one', 'match: [{ uri: { prefix: /old } }], rewrite: { uri: / }', '/old/x', {
    path: /^\/?\/x$/,
  }),
  rewrite('an exact path', 'match: [{ uri: { exact: /a } }], rewrite: { uri: /b }', '/a?q=1', { path: '/b?q=1' }),
  rewrite('a regex match by the whole path', 'match: [{ uri: { regex: "/a/.*" } }], rewrite: { uri: /b }', '/a/x', {
    path: '/b',
  }),
  rewrite(
    'uriRegexRewrite with groups',
    'match: [{ uri: { prefix: / } }], rewrite: { uriRegexRewrite: { match: "^/user/([^/]+)/(.*)$", rewrite: "/\\\\2/of/\\\\1" } }',
    '/user/jane/cart?x=1',
    { path: '/cart/of/jane?x=1' },
  ),
  rewrite(
    'uriRegexRewrite that does not match changes nothing',
    'match: [{ uri: { prefix: / } }], rewrite: { uriRegexRewrite: { match: "^/none$", rewrite: /x } }',
    '/some',
    { path: '/some' },
  ),
  rewrite('the authority', 'rewrite: { authority: other.example.com }', '/', { authority: 'other.example.com' }),
  rewrite(
    'path and authority',
    'match: [{ uri: { prefix: /a } }], rewrite: { uri: /b, authority: c.example }',
    '/a/1',
    { path: '/b/1', authority: 'c.example' },
  ),
  rewrite(
    'the original path is kept in a header and in the log',
    'match: [{ uri: { prefix: /old } }], rewrite: { uri: /new }',
    '/old',
    { upstream: { 'x-envoy-original-path': '/old' }, log: { path: '/old' } },
  ),
];

function redirect(
  name: string,
  block: string,
  call: { path?: string; host?: string },
  status: number,
  location: string,
  match = '',
): Scenario {
  return {
    name: `redirect: ${name}`,
    proves: ['VirtualService.http.redirect'],
    config: routes(`{ ${match}redirect: ${block} }`),
    steps: [{ call: { path: '/a?b=c', ...call }, expect: { status, downstream: { location }, arrivals: 0 } }],
  };
}

const REDIRECTS: Feature = [
  redirect('uri', '{ uri: /new }', {}, 301, 'http://web:8000/new?b=c'),
  redirect('authority', '{ authority: other.example }', {}, 301, 'http://other.example/a?b=c'),
  redirect('uri and authority', '{ uri: /new, authority: other.example }', {}, 301, 'http://other.example/new?b=c'),
  redirect('scheme', '{ scheme: https }', { host: 'web' }, 301, 'https://web/a?b=c'),
  redirect('port', '{ port: 8443 }', {}, 301, 'http://web:8443/a?b=c'),
  redirect(
    'derivePort FROM_PROTOCOL_DEFAULT',
    '{ scheme: https, derivePort: FROM_PROTOCOL_DEFAULT }',
    { host: 'web' },
    301,
    'https://web/a?b=c',
  ),
  redirect(
    'derivePort FROM_REQUEST_PORT',
    '{ scheme: https, derivePort: FROM_REQUEST_PORT }',
    { host: 'web' },
    301,
    'https://web:8000/a?b=c',
  ),
  ...[301, 302, 303, 307, 308].map((code) =>
    redirect(`code ${code}`, `{ uri: /n, redirectCode: ${code} }`, {}, code, 'http://web:8000/n?b=c'),
  ),
  redirect(
    'prefixRewrite',
    '{ prefixRewrite: /new }',
    { path: '/old/a' },
    301,
    'http://web:8000/new/a',
    'match: [{ uri: { prefix: /old } }], ',
  ),
];

function direct(name: string, block: string, expect: Expectation): Scenario {
  return {
    name: `directResponse: ${name}`,
    proves: ['VirtualService.http.directResponse'],
    config: routes(`{ directResponse: ${block} }`),
    steps: [{ call: {}, expect: { arrivals: 0, ...expect } }],
  };
}

const DIRECT: Feature = [
  direct('status only', '{ status: 503 }', { status: 503, body: '' }),
  direct('a text', '{ status: 418, body: { string: "short and stout" } }', { status: 418, body: 'short and stout' }),
  direct('bytes', '{ status: 200, body: { bytes: aGVsbG8= } }', { status: 200, body: 'hello' }),
  direct('the log says so', '{ status: 404 }', { status: 404, log: { response_code_details: 'direct_response' } }),
  {
    name: 'directResponse: with response headers',
    proves: ['VirtualService.http.directResponse', 'VirtualService.http.headers.response.set'],
    config: routes(
      '{ directResponse: { status: 200, body: { string: ok } }, headers: { response: { set: { x-a: b } } } }',
    ),
    steps: [{ call: {}, expect: { status: 200, body: 'ok', downstream: { 'x-a': 'b' } } }],
  },
];

function headers(
  name: string,
  block: string,
  sent: Record<string, string>,
  expect: Expectation,
  inDestination = false,
): Scenario {
  const where = inDestination ? 'route.headers' : 'headers';
  const rule = inDestination
    ? `{ route: [{ destination: { host: web, subset: v1 }, headers: ${block} }] }`
    : `{ headers: ${block}, ${V1} }`;
  const part = block.includes('request') ? 'request' : 'response';
  const how = /(set|add|remove):/.exec(block)?.[1] ?? '';
  return {
    name: `${where}: ${name}`,
    proves: [`VirtualService.http.${where}.${part}.${how}`],
    config: WEB_SUBSETS + routes(rule),
    steps: [{ call: { headers: sent }, expect: { status: 200, backend: 'web-v1', ...expect } }],
  };
}

const REPLY = { 'x-reply': '{"x-a":"from-app","x-gone":"1"}' };
const HEADERS: Feature = [false, true].flatMap((inside) => [
  headers('request set, new', '{ request: { set: { x-a: "1" } } }', {}, { upstream: { 'x-a': '1' } }, inside),
  headers(
    'request set, over an old one',
    '{ request: { set: { x-a: "1" } } }',
    { 'x-a': '0' },
    { upstream: { 'x-a': '1' } },
    inside,
  ),
  headers('request add', '{ request: { add: { x-a: "1" } } }', { 'x-a': '0' }, { upstream: { 'x-a': '0, 1' } }, inside),
  headers(
    'request remove',
    '{ request: { remove: [x-a] } }',
    { 'x-a': '0', 'x-b': '1' },
    { upstream: { 'x-a': null, 'x-b': '1' } },
    inside,
  ),
  headers(
    'request set with a variable',
    '{ request: { set: { x-m: "%REQ(:METHOD)% %PROTOCOL%" } } }',
    {},
    { upstream: { 'x-m': 'GET HTTP/1.1' } },
    inside,
  ),
  headers(
    'request set of host',
    '{ request: { set: { host: other.example } } }',
    {},
    { authority: 'other.example' },
    inside,
  ),
  headers(
    'response set, over the application’s',
    '{ response: { set: { x-a: "1" } } }',
    REPLY,
    { downstream: { 'x-a': '1' } },
    inside,
  ),
  headers(
    'response add',
    '{ response: { add: { x-a: "1" } } }',
    REPLY,
    { downstream: { 'x-a': 'from-app, 1' } },
    inside,
  ),
  headers(
    'response remove',
    '{ response: { remove: [x-gone] } }',
    REPLY,
    { downstream: { 'x-gone': null, 'x-a': 'from-app' } },
    inside,
  ),
  headers(
    'response set with the status',
    '{ response: { set: { x-s: "%RESPONSE_CODE%" } } }',
    {},
    { downstream: { 'x-s': '200' } },
    inside,
  ),
]);
const BOTH_LEVELS: Scenario = {
  name: 'headers: of the rule first, then of the destination',
  proves: ['VirtualService.http.headers.request.add', 'VirtualService.http.route.headers.request.add'],
  config:
    WEB_SUBSETS +
    routes(
      '{ headers: { request: { add: { x-a: rule } } }, route: [{ destination: { host: web, subset: v1 }, headers: { request: { add: { x-a: destination } } } }] }',
    ),
  steps: [{ call: {}, expect: { status: 200, upstream: { 'x-a': /^(destination, rule|rule, destination)$/ } } }],
};

function weights(
  a: number | undefined,
  b: number | undefined,
  c: number | undefined,
  spread: Record<string, readonly [number, number]>,
): Scenario {
  const one = (subset: string, weight: number | undefined): string =>
    `{ destination: { host: web, subset: ${subset} }${weight === undefined ? '' : `, weight: ${weight}`} }`;
  const list = [one('v1', a), one('v2', b), ...(c === undefined ? [] : [one('v3', c)])];
  return {
    name: `weight: ${[a, b, c].filter((w) => w !== undefined).join('/')}`,
    proves: ['VirtualService.http.route.weight'],
    config: WEB_SUBSETS + routes(`{ route: [${list.join(', ')}] }`),
    steps: [{ call: {}, times: 200, together: 10, expect: { status: 200 }, spread }],
  };
}

const WEIGHTS: Feature = [
  weights(100, 0, undefined, { 'web-v1': [200, 200] }),
  weights(0, 100, undefined, { 'web-v2': [200, 200] }),
  weights(90, 10, undefined, { 'web-v1': [155, 198], 'web-v2': [2, 45] }),
  weights(50, 50, undefined, { 'web-v1': [65, 135], 'web-v2': [65, 135] }),
  weights(1, 1, 2, { 'web-v1': [22, 80], 'web-v2': [22, 80], 'web-v3': [65, 135] }),
  weights(1, 999, undefined, { 'web-v2': [190, 200] }),
  {
    name: 'weight: between two services',
    proves: ['VirtualService.http.route.destination.host'],
    config: routes(
      '{ route: [{ destination: { host: web }, weight: 50 }, { destination: { host: api }, weight: 50 }] }',
    ),
    steps: [{ call: {}, times: 40, together: 5, different: 5, expect: { status: 200 } }],
  },
  {
    name: 'destination: another port of the service',
    proves: ['VirtualService.http.route.destination.port'],
    config: routes('{ route: [{ destination: { host: web, port: { number: 8001 } } }] }'),
    steps: [
      {
        call: {},
        expect: { status: 200, log: { upstream_cluster: /^outbound\|8001\|\|web\.default\.svc\.cluster\.local/ } },
      },
    ],
  },
  {
    name: 'destination: a subset in the log’s cluster name',
    proves: ['VirtualService.http.route.destination.subset'],
    config: WEB_SUBSETS + routes(`{ ${V1} }`),
    steps: [
      {
        call: {},
        expect: { status: 200, log: { upstream_cluster: /^outbound\|8000\|v1\|web\.default\.svc\.cluster\.local/ } },
      },
    ],
  },
  {
    name: 'destination: a service that is not there',
    proves: ['VirtualService.http.route.destination.host'],
    config: routes('{ route: [{ destination: { host: nowhere.example } }] }'),
    steps: [{ call: {}, expect: { status: 503, flag: 'NC', arrivals: 0 } }],
  },
];

function mirror(name: string, block: string, at: number | 'some', proves: string): Scenario {
  return {
    name: `mirror: ${name}`,
    proves: [`VirtualService.http.${proves}`],
    config: WEB_SUBSETS + routes(`{ ${block}, ${V1} }`),
    steps: [
      at === 0
        ? {
            call: { method: 'POST', body: 'x' },
            times: 5,
            expect: { status: 200, backend: 'web-v1', arrivals: 1, neverAt: 'web-v2' },
          }
        : {
            call: { method: 'POST', body: 'shadow me', path: '/m?x=1' },
            times: 3,
            expect: { status: 200, backend: 'web-v1', arrivals: 2, alsoAt: 'web-v2' },
          },
    ],
  };
}

const MIRRORS: Feature = [
  mirror('everything', 'mirror: { host: web, subset: v2 }', 'some', 'mirror'),
  mirror('100 %', 'mirror: { host: web, subset: v2 }, mirrorPercentage: { value: 100 }', 'some', 'mirrorPercentage'),
  mirror('0 %', 'mirror: { host: web, subset: v2 }, mirrorPercentage: { value: 0 }', 0, 'mirrorPercentage'),
  mirror('mirrors, one', 'mirrors: [{ destination: { host: web, subset: v2 } }]', 'some', 'mirrors'),
  {
    name: 'mirror: mirrors, two',
    proves: ['VirtualService.http.mirrors'],
    config:
      WEB_SUBSETS +
      routes(
        `{ mirrors: [{ destination: { host: web, subset: v2 } }, { destination: { host: web, subset: v3 } }], ${V1} }`,
      ),
    steps: [{ call: {}, expect: { status: 200, backend: 'web-v1', arrivals: 3, alsoAt: 'web-v3' } }],
  },
  {
    name: 'mirror: half of it',
    proves: ['VirtualService.http.mirrorPercentage'],
    config: WEB_SUBSETS + routes(`{ mirror: { host: web, subset: v2 }, mirrorPercentage: { value: 50 }, ${V1} }`),
    steps: [{ call: {}, times: 20, expect: { status: 200, backend: 'web-v1' } }],
  },
];

const DELEGATES: Feature = [
  {
    name: 'delegate: its rules stand in the place of the root’s',
    proves: ['VirtualService.http.delegate'],
    config:
      WEB_SUBSETS +
      routes(
        '{ match: [{ uri: { prefix: /a } }], delegate: { name: part, namespace: default } }',
        `{ ${to('web', 'v3')} }`,
      ) +
      virtualService('part', [], [`{ match: [{ uri: { prefix: /a/b } }], ${to('web', 'v2')} }`, `{ ${V1} }`]).replace(
        '  hosts: []\n',
        '',
      ),
    steps: [
      { call: { path: '/a/b' }, expect: { status: 200, backend: 'web-v2' } },
      { call: { path: '/a/c' }, expect: { status: 200, backend: 'web-v1' } },
      { call: { path: '/c' }, expect: { status: 200, backend: 'web-v3' } },
    ],
  },
];

export const feature: Feature = [
  ...REWRITES,
  ...REDIRECTS,
  ...DIRECT,
  ...HEADERS,
  BOTH_LEVELS,
  ...WEIGHTS,
  ...MIRRORS,
  ...DELEGATES,
];
