// Rules of DestinationRule (istio pkg/config/validation/validation.go and agent/validation.go).

import type {
  ClientTls,
  ConnectionPool,
  DestinationRuleSpec,
  LoadBalancer,
  LocalityLb,
  OutlierDetection,
  PortTrafficPolicy,
  TrafficPolicy,
} from '../model/destination-rule.ts';
import { type Path, shown } from '../problem.ts';
import {
  checkExportTo,
  checkHost,
  checkLabels,
  checkPort,
  checkSelectorLabels,
  type Context,
  isDnsLabel,
  isFqdn,
  isIp,
} from './rules.ts';

export function validateDestinationRule(context: Context, spec: DestinationRuleSpec, path: Path): void {
  checkHost(context, spec.host, [...path, 'host']);
  const selected = spec.workloadSelector !== undefined;
  checkTrafficPolicy(context, spec.trafficPolicy, selected, [...path, 'trafficPolicy']);
  const seen = new Set<string>();
  for (const [i, subset] of (spec.subsets ?? []).entries()) {
    const at = [...path, 'subsets', i];
    if (seen.has(subset.name))
      context.problems.say('TS-CFG-0302', [...at, 'name'], { value: shown(subset.name), field: 'subsets' });
    seen.add(subset.name);
    if (!isDnsLabel(subset.name)) context.problems.say('TS-CFG-0337', [...at, 'name'], { value: shown(subset.name) });
    checkLabels(context, subset.labels, [...at, 'labels']);
    checkTrafficPolicy(context, subset.trafficPolicy, selected, [...at, 'trafficPolicy']);
  }
  checkExportTo(context, spec.exportTo, [...path, 'exportTo'], false);
  if (!selected) return;
  checkSelectorLabels(context, spec.workloadSelector?.matchLabels, [...path, 'workloadSelector', 'matchLabels']);
  if (spec.exportTo?.some((entry) => entry !== '.' && entry !== context.namespace) === true) {
    context.problems.say('TS-CFG-0318', [...path, 'exportTo'], {
      reason: 'a rule with workloadSelector is for its own namespace only',
    });
  }
}

function checkTrafficPolicy(context: Context, policy: TrafficPolicy | undefined, selected: boolean, path: Path): void {
  if (policy === undefined) return;
  if (Object.keys(policy).length === 0)
    return context.problems.say('TS-CFG-0336', path, { reason: 'the traffic policy is empty' });
  const say = (reason: string, field: string): void =>
    context.problems.say('TS-CFG-0322', [...path, field], { reason }, { atKey: true });
  if (policy.tunnel !== undefined && policy.proxyProtocol !== undefined)
    say('tunnel and proxyProtocol exclude each other', 'tunnel');
  checkBlocks(context, policy, selected, path);
  const ports = new Set<number>();
  for (const [i, settings] of (policy.portLevelSettings ?? []).entries()) {
    const at = [...path, 'portLevelSettings', i];
    const number = settings.port?.number;
    if (number === undefined) context.problems.say('TS-CFG-0103', [...at, 'port'], { field: 'port.number' });
    else if (ports.has(number))
      context.problems.say('TS-CFG-0302', [...at, 'port'], { value: number, field: 'portLevelSettings' });
    else ports.add(number);
    if (Object.keys(settings).every((field) => field === 'port'))
      context.problems.say('TS-CFG-0336', at, { reason: 'the settings of the port are empty' });
    checkBlocks(context, settings, selected, at);
  }
  const { tunnel } = policy;
  if (tunnel === undefined) return;
  const sayOfTunnel = (reason: string, field: string): void =>
    context.problems.say('TS-CFG-0322', [...path, 'tunnel', field], { reason });
  if (!['CONNECT', 'POST'].includes(tunnel.protocol ?? 'CONNECT'))
    sayOfTunnel(`the protocol ${shown(tunnel.protocol)} is none: write CONNECT or POST`, 'protocol');
  if (!isFqdn(tunnel.targetHost) && !isIp(tunnel.targetHost))
    sayOfTunnel(
      `${shown(tunnel.targetHost)} is neither a host nor an address: write the name alone, without scheme, port and path`,
      'targetHost',
    );
  checkPort(context, tunnel.targetPort, [...path, 'tunnel', 'targetPort']);
}

function checkBlocks(context: Context, policy: TrafficPolicy | PortTrafficPolicy, selected: boolean, path: Path): void {
  checkOutlierDetection(context, policy.outlierDetection, [...path, 'outlierDetection']);
  checkConnectionPool(context, policy.connectionPool, [...path, 'connectionPool']);
  checkLoadBalancer(context, policy.loadBalancer, [...path, 'loadBalancer']);
  checkClientTls(context, policy.tls, selected, [...path, 'tls']);
}

export function checkOutlierDetection(context: Context, outlier: OutlierDetection | undefined, path: Path): void {
  if ((outlier?.consecutiveLocalOriginFailures ?? 0) > 0 && outlier?.splitExternalLocalOriginErrors !== true) {
    context.problems.say('TS-CFG-0323', [...path, 'consecutiveLocalOriginFailures'], {
      reason: 'consecutiveLocalOriginFailures needs splitExternalLocalOriginErrors: true',
    });
  }
}

export function checkConnectionPool(context: Context, pool: ConnectionPool | undefined, path: Path): void {
  if (pool === undefined) return;
  if (pool.http === undefined && pool.tcp === undefined)
    context.problems.say('TS-CFG-0336', path, { reason: 'the connection pool has neither tcp nor http' });
  if (pool.http?.h2UpgradePolicy === 'UPGRADE' && pool.http.useClientProtocol === true) {
    context.problems.say('TS-CFG-0322', [...path, 'http', 'useClientProtocol'], {
      reason: 'useClientProtocol and h2UpgradePolicy: UPGRADE exclude each other',
    });
  }
}

function checkLoadBalancer(context: Context, settings: LoadBalancer | undefined, path: Path): void {
  if (settings === undefined) return;
  const say = (reason: string, ...at: string[]): void =>
    context.problems.say('TS-CFG-0324', [...path, ...at], { reason });
  const hash = settings.consistentHash;
  if (hash?.useSourceIp === false && Object.keys(hash).length === 1)
    say('useSourceIp: false leaves nothing to hash', 'consistentHash');
  if (hash?.minimumRingSize !== undefined && (hash.ringHash !== undefined || hash.maglev !== undefined))
    say('minimumRingSize and ringHash or maglev exclude each other', 'consistentHash');
  const size = hash?.maglev?.tableSize;
  if (hash?.maglev !== undefined && size !== undefined && (size >= 5_000_011 || !isPrime(size)))
    say(`${size} is no prime below 5000011`, 'consistentHash', 'maglev', 'tableSize');
  const warm = settings.warmup !== undefined || settings.warmupDurationSecs !== undefined;
  if (warm && !['ROUND_ROBIN', 'LEAST_REQUEST', 'UNSPECIFIED', undefined].includes(settings.simple))
    say('warm-up needs ROUND_ROBIN or LEAST_REQUEST', 'simple');
  else if (warm && hash !== undefined) say('warm-up needs ROUND_ROBIN or LEAST_REQUEST', 'consistentHash');
  checkLocality(context, settings.localityLbSetting, [...path, 'localityLbSetting']);
}

function isPrime(x: number): boolean {
  if (x < 2) return false;
  for (let factor = 2; factor * factor <= x; factor++) if (x % factor === 0) return false;
  return true;
}

export function checkLocality(context: Context, locality: LocalityLb | undefined, path: Path): void {
  if (locality === undefined) return;
  const say = (reason: string, ...at: (string | number)[]): void =>
    context.problems.say('TS-CFG-0338', [...path, ...at], { reason });
  const kinds = (['distribute', 'failover', 'failoverPriority'] as const).filter(
    (field) => (locality[field] ?? []).length > 0,
  );
  const exclusive = kinds.includes('distribute') ? kinds.length > 1 : false;
  if (exclusive) say('distribute excludes failover and failoverPriority');
  for (const [i, share] of (locality.distribute ?? []).entries()) {
    const weights = Object.values(share.to ?? {});
    if (weights.some((weight) => weight < 1 || weight > 100)) say('each share is 1 to 100', 'distribute', i, 'to');
    else if (weights.reduce((sum, weight) => sum + weight, 0) !== 100)
      say('the shares do not add up to 100', 'distribute', i, 'to');
    for (const place of [share.from ?? '', ...Object.keys(share.to ?? {})]) {
      const star = place.indexOf('*');
      if (place === '' || (star !== -1 && star !== place.length - 1))
        say(`${shown(place)} is no locality; one \`*\` may stand at the end`, 'distribute', i);
    }
  }
  for (const [i, pair] of (locality.failover ?? []).entries()) {
    if ((pair.from ?? '') === (pair.to ?? '')) say('from and to are equal', 'failover', i);
    if (`${pair.from ?? ''}${pair.to ?? ''}`.match(/[/*]/) !== null)
      say('failover names regions only, without `*`', 'failover', i);
  }
}

export function checkClientTls(context: Context, tls: ClientTls | undefined, selected: boolean, path: Path): void {
  if (tls === undefined) return;
  const say = (reason: string, field?: string): void =>
    context.problems.say('TS-CFG-0321', field === undefined ? path : [...path, field], { reason });
  const set = (field: keyof ClientTls): boolean => (tls[field] ?? '') !== '';
  const files = (['clientCertificate', 'privateKey', 'caCertificates'] as const).filter(set);
  const named = set('credentialName');
  if (
    tls.insecureSkipVerify === true &&
    tls.mode === 'SIMPLE' &&
    (set('caCertificates') || (tls.subjectAltNames ?? []).length > 0)
  ) {
    say('insecureSkipVerify excludes caCertificates and subjectAltNames', 'insecureSkipVerify');
  }
  if (set('caCrl')) {
    if (named) say('the revocation list belongs into the secret that credentialName names', 'caCrl');
    else if (tls.insecureSkipVerify === true || (tls.mode !== 'SIMPLE' && tls.mode !== 'MUTUAL'))
      say('a revocation list needs mode SIMPLE or MUTUAL, and a server that is verified', 'caCrl');
  }
  if (tls.mode === 'ISTIO_MUTUAL') {
    if (files.length > 0) say(`ISTIO_MUTUAL uses the mesh’s own certificates; ${files[0]} must not be set`, files[0]);
    if (named) say('ISTIO_MUTUAL uses the mesh’s own certificates; credentialName must not be set', 'credentialName');
    return;
  }
  if (named && files.length > 0 && (tls.mode === 'MUTUAL' || files.includes('caCertificates')))
    say(`credentialName and ${files[0]} exclude each other`, 'credentialName');
  if (tls.mode === 'MUTUAL' && !named && (!set('clientCertificate') || !set('privateKey')))
    say('MUTUAL needs clientCertificate and privateKey, or credentialName');
  if (named && !selected && !(tls.credentialName ?? '').startsWith('configmap://')) {
    context.problems.say('TS-CFG-0411', [...path, 'credentialName'], {
      field: 'credentialName',
      reason: 'on sidecars it needs a workloadSelector; gateways read it',
    });
  }
}
