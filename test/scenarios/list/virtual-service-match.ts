// VirtualService http.match: every kind of condition, hit and missed.
import type { Call, Feature, Scenario } from './scenario.ts';
import { routes, to, virtualService, WEB_SUBSETS } from './yaml.ts';

const FIRST = to('web', 'v1');
const PORT = 'route: [{ destination: { host: web, subset: v3, port: { number: 8000 } } }]';
const REST = `{ ${to('web', 'v2')} }`;

/** Calls that the match takes go to v1, the others to v2. */
function match(field: string, how: string, block: string, hits: readonly Call[], misses: readonly Call[]): Scenario {
  return {
    name: `${field} ${how}`,
    proves: [`VirtualService.http.match.${field}`],
    config: WEB_SUBSETS + routes(`{ match: [${block}], ${FIRST} }`, REST),
    steps: [
      ...hits.map((call) => ({ call, expect: { status: 200, backend: 'web-v1' as const } })),
      ...misses.map((call) => ({ call, expect: { status: 200, backend: 'web-v2' as const } })),
    ],
  };
}

const path = (...paths: readonly string[]): Call[] => paths.map((one) => ({ path: one }));
const header = (value: string | undefined): Call => ({ headers: value === undefined ? {} : { 'x-user': value } });
const from = (...values: readonly (string | undefined)[]): Call[] => values.map(header);

const URI: Feature = [
  match(
    'uri',
    'exact',
    '{ uri: { exact: /shop } }',
    path('/shop', '/shop?a=1'),
    path('/', '/shop/', '/shopping', '/Shop'),
  ),
  match(
    'uri',
    'prefix',
    '{ uri: { prefix: /shop } }',
    path('/shop', '/shop/cart', '/shopping'),
    path('/', '/sho', '/SHOP'),
  ),
  match(
    'uri',
    'prefix with a slash',
    '{ uri: { prefix: /shop/ } }',
    path('/shop/', '/shop/a'),
    path('/shop', '/shopping'),
  ),
  match(
    'uri',
    'regex',
    '{ uri: { regex: "/item/[0-9]+" } }',
    path('/item/12', '/item/1?x=y'),
    path('/item/', '/item/1/', '/a/item/1'),
  ),
  match('uri', 'regex with alternatives', '{ uri: { regex: "/(a|b)(/.*)?" } }', path('/a', '/b/c'), path('/c', '/ab')),
  match('uri', 'prefix /', '{ uri: { prefix: / } }', path('/', '/x'), []),
  match(
    'ignoreUriCase',
    'exact',
    '{ uri: { exact: /Shop }, ignoreUriCase: true }',
    path('/shop', '/SHOP'),
    path('/shop/'),
  ),
  match('ignoreUriCase', 'prefix', '{ uri: { prefix: /Shop }, ignoreUriCase: true }', path('/sHoP/a'), path('/sho')),
];

const METHODS: Feature = [
  match('method', 'exact', '{ method: { exact: POST } }', [{ method: 'POST' }], [{ method: 'GET' }, { method: 'PUT' }]),
  match('method', 'prefix', '{ method: { prefix: P } }', [{ method: 'POST' }, { method: 'PUT' }], [{ method: 'GET' }]),
  match('method', 'regex', '{ method: { regex: "GET|HEAD" } }', [{ method: 'GET' }], [{ method: 'DELETE' }]),
];

const PLACES: Feature = [
  match('scheme', 'exact http', '{ scheme: { exact: http } }', path('/'), []),
  match('scheme', 'exact https', '{ scheme: { exact: https } }', [], path('/')),
  match('authority', 'exact', '{ authority: { exact: "web:8000" } }', path('/'), [{ host: 'web.default' }]),
  match('authority', 'prefix', '{ authority: { prefix: web. } }', [{ host: 'web.default' }], [{ host: 'web' }]),
  match(
    'authority',
    'regex',
    '{ authority: { regex: "web.*:80.." } }',
    [{ host: 'web.default:8000' }],
    [{ host: 'web' }],
  ),
  match('port', 'this port', '{ port: 8000 }', path('/'), [{ to: 'web:8001' }]),
  match('port', 'the other port', '{ port: 8001 }', [{ to: 'web:8001' }], path('/')),
  match('sourceLabels', 'ours', '{ sourceLabels: { app: client } }', path('/'), []),
  match('sourceLabels', "somebody else's", '{ sourceLabels: { app: other } }', [], path('/')),
  match('sourceLabels', 'one of two', '{ sourceLabels: { app: client, version: v9 } }', [], path('/')),
  match('sourceNamespace', 'ours', '{ sourceNamespace: default }', path('/'), []),
  match('sourceNamespace', 'another', '{ sourceNamespace: elsewhere }', [], path('/')),
  match('gateways', 'mesh', '{ gateways: [mesh] }', path('/'), []),
  match('gateways', 'a gateway only', '{ gateways: [default/edge] }', [], path('/')),
];

const HEADERS: Feature = [
  match(
    'headers',
    'exact',
    '{ headers: { x-user: { exact: jason } } }',
    from('jason'),
    from('Jason', 'jason2', undefined),
  ),
  match('headers', 'prefix', '{ headers: { x-user: { prefix: ja } } }', from('jason', 'ja'), from('j', undefined)),
  match(
    'headers',
    'regex',
    '{ headers: { x-user: { regex: "j.*n" } } }',
    from('jason', 'jn'),
    from('json2', undefined),
  ),
  match('headers', 'presence', '{ headers: { x-user: {} } }', from('x'), from(undefined)),
  match('headers', 'presence by regex', '{ headers: { x-user: { regex: "*" } } }', from('x'), from(undefined)),
  match(
    'headers',
    'two at once',
    '{ headers: { x-user: { exact: a }, x-team: { exact: b } } }',
    [{ headers: { 'x-user': 'a', 'x-team': 'b' } }],
    [...from('a'), { headers: { 'x-team': 'b' } }],
  ),
  match(
    'headers',
    'one of several values',
    '{ headers: { x-user: { exact: b } } }',
    [{ headers: { 'x-user': ['a', 'b'] } }],
    from('a', 'a,b'),
  ),
  match(
    'withoutHeaders',
    'none of several values',
    '{ withoutHeaders: { x-user: { exact: b } } }',
    [{ headers: { 'x-user': ['a', 'c'] } }],
    [{ headers: { 'x-user': ['a', 'b'] } }],
  ),
  match(
    'headers',
    'cookie by regex',
    '{ headers: { cookie: { regex: "^(.*?;)?\\\\s*(user=jason)(;.*)?$" } } }',
    [{ headers: { cookie: 'a=b; user=jason' } }],
    [{ headers: { cookie: 'user=jasonx' } }, {}],
  ),
  match(
    'headers',
    'user-agent regex',
    '{ headers: { user-agent: { regex: ".*Mobile.*" } } }',
    [{ headers: { 'user-agent': 'Mozilla Mobile/1' } }],
    [{ headers: { 'user-agent': 'curl' } }],
  ),
  match(
    'withoutHeaders',
    'exact',
    '{ withoutHeaders: { x-user: { exact: jason } } }',
    from('other', undefined),
    from('jason'),
  ),
  match(
    'withoutHeaders',
    'prefix',
    '{ withoutHeaders: { x-user: { prefix: ja } } }',
    from('other', undefined),
    from('jason'),
  ),
  match(
    'withoutHeaders',
    'regex',
    '{ withoutHeaders: { x-user: { regex: "j.*" } } }',
    from('other', undefined),
    from('jason'),
  ),
  match('withoutHeaders', 'presence', '{ withoutHeaders: { x-user: {} } }', from(undefined), from('anybody')),
  match(
    'withoutHeaders',
    'beside headers',
    '{ headers: { x-user: { exact: a } }, withoutHeaders: { x-skip: {} } }',
    from('a'),
    [{ headers: { 'x-user': 'a', 'x-skip': '1' } }],
  ),
];

const QUERY: Feature = [
  match(
    'queryParams',
    'exact',
    '{ queryParams: { debug: { exact: "1" } } }',
    path('/?debug=1', '/a?x=2&debug=1'),
    path('/', '/?debug=2', '/?debug', '/?xdebug=1'),
  ),
  match(
    'queryParams',
    'prefix',
    '{ queryParams: { v: { prefix: a } } }',
    path('/?v=a', '/?v=abc'),
    path('/?v=b', '/?v='),
  ),
  match('queryParams', 'regex', '{ queryParams: { v: { regex: "[0-9]+" } } }', path('/?v=12'), path('/?v=1a', '/?v=')),
  match(
    'queryParams',
    'presence',
    '{ queryParams: { debug: {} } }',
    path('/?debug', '/?debug=', '/?debug=x'),
    path('/?x=debug', '/'),
  ),
  match(
    'queryParams',
    'two at once',
    '{ queryParams: { a: { exact: "1" }, b: { exact: "2" } } }',
    path('/?b=2&a=1'),
    path('/?a=1'),
  ),
  match(
    'queryParams',
    'the first of several',
    '{ queryParams: { a: { exact: "1" } } }',
    path('/?a=1&a=2'),
    path('/?a=2&a=1'),
  ),
];

const JOINED: Feature = [
  match(
    'uri',
    'and a header and a method',
    '{ uri: { prefix: /a }, method: { exact: GET }, headers: { x-user: { exact: j } } }',
    [{ path: '/a', headers: { 'x-user': 'j' } }],
    [
      { path: '/a' },
      { path: '/b', headers: { 'x-user': 'j' } },
      { path: '/a', method: 'POST', headers: { 'x-user': 'j' } },
    ],
  ),
  match('uri', 'or another', '{ uri: { exact: /a } }, { uri: { exact: /b } }', path('/a', '/b'), path('/c')),
  {
    name: 'the first rule that matches wins',
    proves: ['VirtualService.http'],
    config:
      WEB_SUBSETS +
      routes(
        `{ match: [{ uri: { prefix: /a } }], ${to('web', 'v1')} }`,
        `{ match: [{ uri: { prefix: /a/b } }], ${to('web', 'v3')} }`,
        REST,
      ),
    steps: [
      { call: { path: '/a/b' }, expect: { status: 200, backend: 'web-v1' } },
      { call: { path: '/b' }, expect: { status: 200, backend: 'web-v2' } },
    ],
  },
  {
    name: 'no rule matches: 404 NR',
    proves: ['VirtualService.http.match'],
    config: WEB_SUBSETS + routes(`{ match: [{ uri: { exact: /a } }], ${FIRST} }`),
    steps: [
      { call: { path: '/b' }, expect: { status: 404, flag: 'NR', log: { response_code_details: 'route_not_found' } } },
      { call: { path: '/a' }, expect: { status: 200, backend: 'web-v1', flag: '-' } },
    ],
  },
  {
    name: 'names of rule and match are the route name in the log',
    proves: ['VirtualService.http.name', 'VirtualService.http.match.name'],
    config:
      WEB_SUBSETS +
      routes(
        `{ name: canary, match: [{ name: phones, headers: { x-user: { exact: a } } }], ${FIRST} }`,
        `{ name: rest, ${to('web', 'v2')} }`,
      ),
    steps: [
      { call: header('a'), expect: { status: 200, log: { route_name: 'canary.phones' } } },
      { call: header('b'), expect: { status: 200, log: { route_name: 'rest' } } },
    ],
  },
  {
    name: 'statPrefix counts by route',
    proves: ['VirtualService.http.match.statPrefix'],
    config: WEB_SUBSETS + routes(`{ match: [{ uri: { prefix: / }, statPrefix: mine }], ${FIRST} }`),
    steps: [{ call: {}, expect: { status: 200, backend: 'web-v1' } }],
  },
  {
    name: 'hosts: another name of the service is another table',
    proves: ['VirtualService.hosts'],
    config: WEB_SUBSETS + virtualService('api', ['api'], [`{ ${to('web', 'v3')} }`]),
    steps: [
      { call: { to: 'api:8000' }, expect: { status: 200, backend: 'web-v3' } },
      { call: { to: 'web:8000' }, times: 12, expect: { status: 200, backend: ['web-v1', 'web-v2', 'web-v3'] } },
    ],
  },
  {
    name: 'hosts: fully qualified',
    proves: ['VirtualService.hosts'],
    config:
      WEB_SUBSETS +
      virtualService('web', ['web.default.svc.cluster.local'], [`{ ${to('web.default.svc.cluster.local', 'v3')} }`]),
    steps: [{ call: {}, times: 5, expect: { status: 200, backend: 'web-v3' } }],
  },
  {
    name: 'hosts: a name that no service has, through the forward proxy',
    proves: ['VirtualService.hosts'],
    config: WEB_SUBSETS + virtualService('made-up', ['made.up.example'], [`{ ${PORT} }`]),
    steps: [
      {
        call: { via: 'forward', to: 'made.up.example' },
        times: 3,
        expect: { status: 200, backend: 'web-v3', authority: 'made.up.example' },
      },
    ],
  },
  {
    name: 'hosts: a wildcard name, through the forward proxy',
    proves: ['VirtualService.hosts'],
    config: WEB_SUBSETS + virtualService('made-up', ['*.up.example'], [`{ ${PORT} }`]),
    steps: [{ call: { via: 'forward', to: 'a.up.example' }, expect: { status: 200, backend: 'web-v3' } }],
  },
];

export const feature: Feature = [...URI, ...METHODS, ...PLACES, ...HEADERS, ...QUERY, ...JOINED];
