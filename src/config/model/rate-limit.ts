// RateLimit (topsail.io): how many requests a workload or gateway takes in a time, all together or for each client, claim, header, address or path.

import { count, dict, flag, list, message, type Spec, text, textList, words } from './schema.ts';
import { StringMatchSchema, targetChoice, targetFields } from './shared.ts';

/** As many tokens fit into the buckets of both data planes with room to spare. */
const REQUESTS_MAX = 1_000_000;
/** Buckets of one rule: 26 MB in our proxy. */
const BUCKETS_MAX = 65_536;
export const BUCKETS_DEFAULT = 1000;

const MatchSchema = message('Requests that the rule counts. All that is given must hold; unset: every request.', {
  paths: textList(
    'Paths without their query, one of which must fit: exact, `/begin*`, `*end`, or a template with `{*}` and `{**}`.',
    { maxItems: 64 },
  ),
  notPaths: textList('Paths, in the same way, that are not counted.', { maxItems: 64 }),
  methods: textList('Methods, one of which must be the request’s.', { maxItems: 16 }),
  hosts: textList('Hosts, with or without a port in the request, one of which must fit: exact, `begin*` or `*end`.', {
    maxItems: 64,
  }),
  headers: dict('Headers that must fit; `{}` asks for presence.', StringMatchSchema, { maxProperties: 16 }),
});
export type RateLimitMatch = Spec<typeof MatchSchema>;

const KeySchema = message(
  'What a bucket is for: one part of its name.',
  {
    attribute: words(
      'CLIENT: the identity in the verified certificate of the peer. IP: the address of the client, at gateways as numTrustedProxies says, at workloads of the connection. PATH (without query). METHOD.',
      ['CLIENT', 'IP', 'PATH', 'METHOD'] as const,
    ),
    claim: text(
      'A claim of the token that a RequestAuthentication verified: `sub`, `realm.tenant` or `[realm][tenant]`.',
      {
        minLength: 1,
        maxLength: 256,
      },
    ),
    header: text('A request header. Whoever calls writes it.', { minLength: 1, maxLength: 256 }),
  },
  { choices: [{ fields: ['attribute', 'claim', 'header'], required: true }] },
);
export type RateLimitKey = Spec<typeof KeySchema>;

const RuleSchema = message(
  'One limit.',
  {
    name: text('Names the rule in answers, logs and counters: a DNS label.', { minLength: 1, maxLength: 63 }),
    match: MatchSchema,
    by: list('A bucket for each value, or each combination of values; unset: one bucket for all.', KeySchema, {
      maxItems: 4,
    }),
    limit: message(
      'How fast a bucket fills, and how much is in it.',
      {
        requests: count('Requests that come in anew in each unit of time, evenly.', {
          minimum: 1,
          maximum: REQUESTS_MAX,
        }),
        per: words('The unit of time.', ['SECOND', 'MINUTE', 'HOUR', 'DAY'] as const),
        burst: count('Requests that may come at once: the size of the bucket.', {
          minimum: 1,
          maximum: REQUESTS_MAX,
          defaultText: '`requests`',
        }),
        scope: words(
          'PROXY: each proxy has buckets of its own. ALL_PROXIES: all proxies that the object selects share them; the control plane counts, on Topsail’s own proxy.',
          ['PROXY', 'ALL_PROXIES'] as const,
          { default: 'PROXY' },
        ),
        whenUnavailable: words(
          'With ALL_PROXIES, while the control plane does not answer. SHARE: each proxy counts the limit divided by the number of proxies. DENY: refuses what the rule counts.',
          ['SHARE', 'DENY'] as const,
          { default: 'SHARE' },
        ),
      },
      { required: ['requests', 'per'] },
    ),
    maxBuckets: count('Most buckets kept at a time; beyond it the one that was not used for longest is forgotten.', {
      minimum: 1,
      maximum: BUCKETS_MAX,
      default: BUCKETS_DEFAULT,
    }),
    mode: words(
      'SHADOW counts, and tells the application by a header, and refuses nothing.',
      ['ENFORCE', 'SHADOW'] as const,
      {
        default: 'ENFORCE',
      },
    ),
    answer: message('What is answered beyond the limit.', {
      status: count('The status.', { minimum: 400, maximum: 599, default: 429 }),
      headers: dict('More headers of the answer.', text('The value, as it is.'), { maxProperties: 16 }),
      limitHeaders: flag('Answers, also of requests that pass, have x-ratelimit-limit, -remaining and -reset.', {
        default: false,
      }),
    }),
  },
  { required: ['name', 'limit'] },
);
export type RateLimitRule = Spec<typeof RuleSchema>;

export const RateLimitSchema = message(
  'Limits how many requests workloads and gateways take in a time, counted in each proxy or over all of them.',
  {
    ...targetFields,
    rules: list('Rules, all of which count; the first that is exceeded refuses.', RuleSchema, {
      minItems: 1,
      maxItems: 32,
    }),
  },
  { required: ['rules'], choices: [targetChoice] },
);
export type RateLimitSpec = Spec<typeof RateLimitSchema>;
