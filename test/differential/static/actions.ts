// Random actions of routes: forwards with everything that they rewrite, redirects, and answers.
import type { Dice } from './dice.ts';
import type { Protocol } from './model.ts';
import { mutations } from './mutations.ts';

const SUBSTITUTES = [
  { pattern: { regex: '^/a(.*)$' }, substitution: '/z\\1' },
  { pattern: { regex: '/' }, substitution: '-' },
  { pattern: { regex: '^/([^/]*)/(.*)$' }, substitution: '/\\2/\\1' },
  { pattern: { regex: 'b' }, substitution: '' },
  { pattern: { regex: '^/user/([0-9]+)' }, substitution: '/u\\0' },
  { pattern: { regex: '.*' }, substitution: '/all' },
  { pattern: { regex: 'x*' }, substitution: '/y' },
];

export function forward(
  dice: Dice,
  upstream: Protocol,
  match: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const cluster = (): string => `${dice.pick(['a', 'b', 'c'])}-${upstream}`;
  const target = dice.pick(['one', 'one', 'one', 'weighted', 'header'] as const);
  const route: Record<string, unknown> = { timeout: '10s' };
  if (target === 'one') route['cluster'] = cluster();
  else if (target === 'header') route['cluster_header'] = dice.pick(['x-cluster', 'X-Cluster']);
  else
    route['weighted_clusters'] = {
      ...(dice.chance(0.8) ? { header_name: 'x-weight' } : {}),
      clusters: ['a', 'b', 'c'].map((name) => ({
        name: `${name}-${upstream}`,
        weight: 10,
        ...mutations(dice, 0.15),
      })),
    };
  if (target === 'weighted' && !('header_name' in (route['weighted_clusters'] as object)))
    (route['weighted_clusters'] as { clusters: { weight: number }[] }).clusters.forEach(
      (one, i) => (one.weight = i === 1 ? 10 : 0),
    );
  if (dice.chance(0.15))
    route['cluster_not_found_response_code'] = dice.pick(['NOT_FOUND', 'INTERNAL_SERVER_ERROR', 'SERVICE_UNAVAILABLE']);
  const rewrite = dice.pick(['none', 'none', 'prefix', 'prefix', 'regex', 'template'] as const);
  if (rewrite === 'prefix' && !('path_match_policy' in match))
    route['prefix_rewrite'] = dice.pick(['/', '/z', '/z/', '/A', '/z?x=1', '/%2f']);
  else if (rewrite === 'regex') route['regex_rewrite'] = dice.pick(SUBSTITUTES);
  Object.assign(
    route,
    dice.pick<() => object>([
      () => ({}),
      () => ({}),
      () => ({ host_rewrite_literal: dice.pick(['new.example', 'New.Example:81']) }),
      () => ({ auto_host_rewrite: true }),
      () => (upstream === 'h2' ? {} : { host_rewrite_header: dice.pick(['x-one', 'x-missing']) }),
      // nghttp2 takes no host like these.
      () => (upstream === 'h2' ? {} : { host_rewrite_path_regex: dice.pick(SUBSTITUTES) }),
    ])(),
  );
  Object.assign(
    route,
    dice.fields(0.12, {
      append_x_forwarded_host: () => true,
      idle_timeout: () => '9s',
      hash_policy: () => [{ header: { header_name: 'x-one' } }],
      retry_policy: () => ({ retry_on: '5xx', num_retries: 1 }),
      priority: () => 'HIGH',
    }),
  );
  return { route };
}

export function redirect(dice: Dice, _: Protocol, match: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const made: Record<string, unknown> = dice.fields(0.35, {
    host_redirect: () => dice.pick(['new.example', 'new.example:99', 'New']),
    port_redirect: () => dice.pick([80, 443, 8080]),
    strip_query: () => true,
    response_code: () =>
      dice.pick(['MOVED_PERMANENTLY', 'FOUND', 'SEE_OTHER', 'TEMPORARY_REDIRECT', 'PERMANENT_REDIRECT']),
  });
  Object.assign(
    made,
    dice.pick<() => object>([
      () => ({}),
      () => ({ https_redirect: true }),
      () => ({ scheme_redirect: dice.pick(['https', 'http', 'HTTPS', 'ftp']) }),
      () => ({ https_redirect: false }),
    ])(),
  );
  Object.assign(
    made,
    dice.pick<() => object>([
      () => ({}),
      () => ({ path_redirect: dice.pick(['/new', '/new?x=1', '/new#f']) }),
      () => ('path_match_policy' in match ? {} : { prefix_rewrite: dice.pick(['/', '/new', '/new/']) }),
      () => ({ regex_rewrite: dice.pick(SUBSTITUTES.filter(({ substitution }) => substitution.startsWith('/'))) }),
    ])(),
  );
  return { redirect: made };
}

export function direct(dice: Dice): Record<string, unknown> {
  return {
    direct_response: {
      status: dice.pick([200, 404, 403, 503, 599]),
      ...(dice.chance(0.7) ? { body: { inline_string: dice.pick(['said', '', '{"a":1}', 'é']) } } : {}),
    },
  };
}
