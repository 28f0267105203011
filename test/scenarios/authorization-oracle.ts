// What AuthorizationPolicies say, read straight from their text by the slowest and plainest means: shares nothing with translation or proxy.

export interface OracleRequest {
  readonly protocol: 'http' | 'grpc' | 'tcp';
  /** trust domain, namespace, account; undefined = no certificate. */
  readonly peer: { readonly domain: string; readonly namespace: string; readonly account: string } | undefined;
  readonly sourceIp: string;
  readonly remoteIp: string;
  readonly destinationIp: string;
  readonly port: number;
  readonly sni: string;
  readonly host: string;
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly claims: Readonly<Record<string, unknown>> | undefined;
}

type Lists = Readonly<Record<string, readonly string[] | undefined>>;
export interface OracleRule {
  readonly from?: readonly { readonly source: Lists }[];
  readonly to?: readonly { readonly operation: Lists }[];
  readonly when?: readonly {
    readonly key: string;
    readonly values?: readonly string[];
    readonly notValues?: readonly string[];
  }[];
}
export interface OraclePolicy {
  readonly action: 'ALLOW' | 'DENY' | 'AUDIT';
  readonly dryRun: boolean;
  readonly rules: readonly OracleRule[];
}

/** Facts that a request has or has not; a claim may be a list. */
type Fact = string | readonly string[] | undefined;

/** Segment by segment: `{*}` is one that is not empty, `{**}` all that are left. */
function fitsTemplate(pattern: string, fact: string): boolean {
  const wanted = pattern.split('/');
  const given = fact.split('/');
  for (const [i, segment] of wanted.entries()) {
    if (segment === '{**}') return i < given.length;
    if (i >= given.length || (segment === '{*}' ? given[i] === '' : given[i] !== segment)) return false;
  }
  return wanted.length === given.length;
}

function fits(pattern: string, fact: string): boolean {
  if (pattern === '*') return fact.length > 0;
  const letters = [...pattern];
  if (letters[0] === '*') return fact.endsWith(letters.slice(1).join(''));
  if (letters.at(-1) === '*') return fact.startsWith(letters.slice(0, -1).join(''));
  return pattern === fact;
}

function inBlock(block: string, address: string): boolean {
  const bits = (text: string): string =>
    text
      .split('.')
      .map((part) => Number(part).toString(2).padStart(8, '0'))
      .join('');
  const [base = '', length = '32'] = block.split('/');
  return bits(base).slice(0, Number(length)) === bits(address).slice(0, Number(length));
}

function one(field: string, pattern: string, fact: string): boolean {
  if (/ip$|ipblocks$/i.test(field)) return inBlock(pattern, fact);
  if (/paths/i.test(field) && pattern.includes('{')) return fitsTemplate(pattern, fact);
  if (/hosts/i.test(field)) return fits(pattern.toLowerCase(), fact.toLowerCase());
  if (/requestPrincipals|auth\.principal/i.test(field)) {
    const [issuer = '', subject = ''] = fact.split('\n');
    if (pattern === '*') return issuer !== '' && subject !== '';
    const slash = pattern.lastIndexOf('/');
    if (slash >= 0) return fits(pattern.slice(0, slash), issuer) && fits(pattern.slice(slash + 1), subject);
    return pattern.startsWith('*') ? issuer !== '' && fits(pattern, subject) : subject !== '' && fits(pattern, issuer);
  }
  return fits(pattern, fact);
}

function factOf(field: string, request: OracleRequest): Fact {
  const { peer, claims } = request;
  const name = field.replace(/^not./, (text) => (text[3] ?? '').toLowerCase());
  const header = /^request\.headers\[(.+)\]$/.exec(name)?.[1];
  if (header !== undefined) return request.headers[header];
  const claim = /^request\.auth\.claims\[(.+)\]$/.exec(name)?.[1]?.split('][');
  if (claim !== undefined) {
    let value: unknown = claims;
    for (const key of claim) value = (value as Record<string, unknown> | undefined)?.[key];
    return value as Fact;
  }
  switch (name) {
    case 'principals':
    case 'source.principal':
      return peer && `${peer.domain}/ns/${peer.namespace}/sa/${peer.account}`;
    case 'namespaces':
    case 'source.namespace':
      return peer?.namespace;
    case 'serviceAccounts':
    case 'source.serviceAccount':
      return peer && `${peer.namespace}/${peer.account}`;
    case 'trustDomains':
    case 'source.trustDomain':
      return peer?.domain;
    case 'requestPrincipals':
    case 'request.auth.principal':
      return claims && `${String(claims['iss'])}\n${String(claims['sub'])}`;
    case 'request.auth.audiences':
      return claims?.['aud'] as Fact;
    case 'request.auth.presenter':
      return claims?.['azp'] as Fact;
    case 'ipBlocks':
    case 'source.ip':
      return request.sourceIp;
    case 'remoteIpBlocks':
    case 'remote.ip':
      return request.remoteIp;
    case 'destination.ip':
      return request.destinationIp;
    case 'ports':
    case 'destination.port':
      return String(request.port);
    case 'connection.sni':
      return request.sni;
    case 'hosts':
      return request.host;
    case 'methods':
      return request.method;
    case 'paths':
      return request.path.split('?')[0];
    default:
      throw new Error(`the oracle knows no ${field}`);
  }
}

const ONLY_HTTP = /^(not)?(hosts|methods|paths|requestPrincipals)$|^request\./i;

function conditionHolds(field: string, patterns: readonly string[], negated: boolean, request: OracleRequest): boolean {
  const fact = factOf(field, request);
  const facts = fact === undefined ? [] : typeof fact === 'string' ? [fact] : fact;
  const hit = patterns.some((pattern) => facts.some((text) => one(field, pattern, text)));
  return negated ? !hit : hit;
}

/** `deny`: conditions that mean nothing on TCP are left out; otherwise a rule with one never matches. */
function ruleHolds(rule: OracleRule, request: OracleRequest, deny: boolean): boolean {
  const conditions = (lists: Lists): readonly [string, readonly string[], boolean][] =>
    Object.entries(lists).map(([field, values]) => [field, values ?? [], field.startsWith('not')]);
  const every = (list: readonly [string, readonly string[], boolean][]): boolean =>
    list.every(([field, values, negated]) =>
      request.protocol === 'tcp' && ONLY_HTTP.test(field) ? deny : conditionHolds(field, values, negated, request),
    );
  const when = (rule.when ?? []).flatMap(({ key, values, notValues }): [string, readonly string[], boolean][] => [
    ...(values === undefined ? [] : [[key, values, false] as [string, readonly string[], boolean]]),
    ...(notValues === undefined ? [] : [[key, notValues, true] as [string, readonly string[], boolean]]),
  ]);
  const from = rule.from === undefined || rule.from.some(({ source }) => every(conditions(source)));
  const to = rule.to === undefined || rule.to.some(({ operation }) => every(conditions(operation)));
  return from && to && every(when);
}

export function oracle(policies: readonly OraclePolicy[], request: OracleRequest): boolean {
  const live = policies.filter((policy) => !policy.dryRun);
  if (live.some((policy) => policy.action === 'DENY' && policy.rules.some((rule) => ruleHolds(rule, request, true))))
    return false;
  const allowing = live.filter((policy) => policy.action === 'ALLOW');
  return (
    allowing.length === 0 || allowing.some((policy) => policy.rules.some((rule) => ruleHolds(rule, request, false)))
  );
}
