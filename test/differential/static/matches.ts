// Random route matches, header and query matchers and domains, and the vocabulary that requests meet them with.
import type { Dice } from './dice.ts';

export const PATHS = [
  '/',
  '/a',
  '/a/',
  '/A',
  '/a/b',
  '/a/b/',
  '/A/B',
  '/ab',
  '/a/b/c',
  '/a.b',
  '/a;v=1',
  '/a;v=1/b',
  '/b',
  '/b/c',
  '/user/7/cart',
  '/user//cart',
  '/user/a%20b/cart',
  '/a%2Fb',
  '/a%5cb',
  '/a\\b',
  '/%61',
  '//a',
  '/a//b',
  '/a/./b',
  '/a/../b',
  '/a/%2e%2e/b',
  '/a/%2E/b',
  '/a/b/..',
  '/a/.',
  '/a%23b',
  '/a/b;x/../c',
  "/a'b",
  '/a~b',
  '/a%7Eb',
  '/a+b',
  '/a:b@c',
] as const;

export const QUERIES = [
  '',
  '',
  '',
  '?',
  '?q',
  '?q=',
  '?q=1',
  '?q=2&q=1',
  '?q=1&q=2',
  '?r=1&q=',
  '?Q=1',
  '?q=%31',
  '?q=1%202',
  '?q=a+b',
  '?%71=1',
  '?q==1',
  '?&q=1',
  '?q=1&',
  '?q=12',
  '?q=/a/b',
  '?q=1?r=2',
  '?x=q=1',
  '?q=1;r=2',
  '?q=-5',
  '?q=007',
] as const;

export const HEADER_VALUES = [
  '',
  'x',
  'X',
  'xy',
  'axb',
  'a,x',
  'x,a',
  'x, a',
  '5',
  '-5',
  '05',
  '5.5',
  ' 7',
  '10',
  'true',
  '99999999999999999999',
  'é',
  'x y',
] as const;
export const NAMES = ['x-one', 'x-two', 'x-three'] as const;
export const HOSTS = [
  'a.example',
  'A.Example',
  'a.example:80',
  'a.example:8080',
  'b.a.example',
  'c.b.a.example',
  'example',
  'a.example.',
  'a.example.:80',
  'a.b',
  'foo.bar',
  'foo.bar:8080',
  'foo.',
  'foobar',
  '127.0.0.1',
  '127.0.0.1:80',
  '[::1]',
  '[::1]:80',
  'a',
  'other',
  'xa.example',
  'a.examplex',
] as const;

const DOMAINS = [
  'a.example',
  'A.EXAMPLE',
  'a.example:80',
  '*.example',
  '*.a.example',
  '*a.example',
  '*example',
  'foo.*',
  'foo.bar*',
  'foo*',
  'foo.bar',
  'foo.bar:8080',
  '*:8080',
  '*.example:80',
  'a.*',
  '127.0.0.1',
  '[::1]',
  '[::1]:80',
  'other',
  'a.example.',
  '*.b',
  '*x',
];

const REGEXES = [
  'x',
  'x.*',
  '.*x',
  '[a-z]+',
  'x|a',
  '(?i)x',
  '',
  '.*',
  '[^x]*',
  '5|-5',
  '\\d+',
  '^x$',
  'x?',
  '(a|x),?.*',
];
const PATH_REGEXES = [
  '/a',
  '/a/.*',
  '/(a|b)(/.*)?',
  '/user/[0-9]+/cart',
  '.*',
  '/.*/b',
  '/[^/]+',
  '(?i)/A',
  '/a.b',
  '/a\\.b',
  '/.*%.*',
  '/user/[^/]*/cart',
];
const PREFIXES = ['/', '/a', '/a/', '/A', '/b', '/user', '/a/b', '//', '/a%2F', '/a;'];
const TEMPLATES = [
  '/a',
  '/a/*',
  '/a/**',
  '/user/{id}/cart',
  '/{x}',
  '/{x=*}/b',
  '/user/{id=*}/{rest=**}',
  '/a/{y=b/*}',
  '/*/*',
  '/{v=**}',
];

export function textMatch(dice: Dice): Record<string, unknown> {
  const values = HEADER_VALUES.filter((value) => value !== '');
  const kind = dice.pick(['exact', 'prefix', 'suffix', 'contains', 'safe_regex'] as const);
  if (kind === 'safe_regex') return { safe_regex: { regex: dice.pick(REGEXES.filter((text) => text !== '')) } };
  return { [kind]: dice.pick(values), ...(dice.chance(0.3) ? { ignore_case: true } : {}) };
}

export function headerMatch(
  dice: Dice,
  names: readonly string[] = [...NAMES, ':method', ':authority', ':path', 'host', 'cookie', 'content-type', ':scheme'],
): Record<string, unknown> {
  const match: Record<string, unknown> = { name: dice.pick([...NAMES, dice.pick(names)]) };
  const kind = dice.pick(['string', 'string', 'string', 'present', 'absent', 'range', 'none'] as const);
  if (kind === 'string') match['string_match'] = dice.chance(0.1) ? { exact: '' } : textMatch(dice);
  else if (kind === 'present') match['present_match'] = true;
  else if (kind === 'absent') match['present_match'] = false;
  else if (kind === 'range') match['range_match'] = { start: dice.pick([-10, 0, 5]), end: dice.pick([5, 6, 11, 100]) };
  if (dice.chance(0.3)) match['invert_match'] = true;
  if (dice.chance(0.25)) match['treat_missing_header_as_empty'] = true;
  return match;
}

export function queryMatch(dice: Dice): Record<string, unknown> {
  const name = dice.pick(['q', 'q', 'q', 'r', 'Q', 'x']);
  if (dice.chance(0.3)) return { name, present_match: dice.chance(0.8) };
  const value = dice.pick(['1', '2', '12', 'a b', 'a+b', '/a/b', '%31']);
  const kind = dice.pick(['exact', 'prefix', 'suffix', 'contains', 'regex'] as const);
  if (kind === 'regex')
    return { name, string_match: { safe_regex: { regex: dice.pick(['[0-9]+', '1|2', '.*', '1.*']) } } };
  return { name, string_match: { [kind]: value } };
}

/** A path of a match; `prefix_rewrite` goes with those that begin somewhere. */
export function pathMatch(dice: Dice): Record<string, unknown> {
  const kind = dice.pick(['prefix', 'prefix', 'path', 'path_separated_prefix', 'safe_regex', 'uri'] as const);
  const sensitive = dice.chance(0.2) && kind !== 'safe_regex' && kind !== 'uri' ? { case_sensitive: false } : {};
  if (kind === 'prefix') return { prefix: dice.pick(PREFIXES), ...sensitive };
  if (kind === 'path') return { path: dice.pick(['/a', '/a/', '/A/b', '/b', '/a/b', '/a%2Fb', '/']), ...sensitive };
  if (kind === 'path_separated_prefix')
    return { path_separated_prefix: dice.pick(['/a', '/A', '/a/b', '/user']), ...sensitive };
  if (kind === 'safe_regex') return { safe_regex: { regex: dice.pick(PATH_REGEXES) } };
  return {
    path_match_policy: {
      name: 'envoy.path.match.uri_template.uri_template_matcher',
      typed_config: {
        '@type': 'type.googleapis.com/envoy.extensions.path.match.uri_template.v3.UriTemplateMatchConfig',
        path_template: dice.pick(TEMPLATES),
      },
    },
  };
}

export function routeMatch(dice: Dice): Record<string, unknown> {
  const match = pathMatch(dice);
  if (dice.chance(0.35)) match['headers'] = dice.list(1, 2, () => headerMatch(dice));
  if (dice.chance(0.2)) match['query_parameters'] = dice.list(1, 2, () => queryMatch(dice));
  if (dice.chance(0.05)) match['grpc'] = {};
  if (dice.chance(0.05)) match['runtime_fraction'] = { default_value: { numerator: dice.pick([0, 100]) } };
  return match;
}

/** Lists of domains that do not overlap, one for each host; the last one takes everything else. */
export function domainsOf(dice: Dice, hosts: number): string[][] {
  const left = new Map(DOMAINS.map((domain) => [domain.toLowerCase(), domain]));
  const lists: string[][] = [];
  for (let i = 0; i < hosts; i++) {
    const own: string[] = [];
    for (let n = 1 + dice.int(3); n > 0; n--) {
      const key = dice.pick([...left.keys()]);
      own.push(left.get(key) as string);
      left.delete(key);
    }
    lists.push(own);
  }
  if (dice.chance(0.8)) lists.push(['*']);
  return lists;
}
