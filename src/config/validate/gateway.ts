// Rules of Gateway (istio pkg/config/validation/validation.go).

import { isCertificateHash, isKeyHash } from '#base';
import type { GatewayServer, GatewaySpec, ServerTls } from '../model/gateway.ts';
import { type Path, shown } from '../problem.ts';
import {
  checkAddress,
  checkPort,
  checkProtocol,
  checkUnixPath,
  type Context,
  isDnsLabel,
  isHttpProtocol,
  isIp,
  isTlsProtocol,
  isWildcardHost,
} from './rules.ts';

export function validateGateway(context: Context, spec: GatewaySpec, path: Path): void {
  const names = new Set<string>();
  const servers = new Set<string>();
  for (const [i, server] of spec.servers.entries()) {
    const at = [...path, 'servers', i];
    checkServer(context, server, at);
    if (names.has(server.port.name))
      context.problems.say('TS-CFG-0302', [...at, 'port', 'name'], {
        value: shown(server.port.name),
        field: 'servers',
      });
    names.add(server.port.name);
    if (server.name !== undefined && server.name !== '' && servers.has(server.name))
      context.problems.say('TS-CFG-0302', [...at, 'name'], { value: shown(server.name), field: 'servers' });
    if (server.name !== undefined) servers.add(server.name);
  }
}

function checkServer(context: Context, server: GatewayServer, path: Path): void {
  const say = (reason: string, ...at: string[]): void =>
    context.problems.say('TS-CFG-0335', [...path, ...at], { reason });
  for (const [i, host] of server.hosts.entries()) checkServerHost(context, host, [...path, 'hosts', i]);
  const { port, bind, tls } = server;
  checkProtocol(context, port.protocol, [...path, 'port', 'protocol']);
  if (port.name === '') say('the port’s name is empty', 'port', 'name');
  if (bind?.startsWith('unix://') === true) {
    checkUnixPath(context, bind.slice('unix://'.length), [...path, 'bind']);
    if (port.number !== 0) say('with a Unix socket the port’s number is 0', 'port', 'number');
  } else {
    checkPort(context, port.number, [...path, 'port', 'number']);
    if (bind !== undefined && bind !== '') checkAddress(context, bind, [...path, 'bind'], 'IP address');
  }
  const secure = isTlsProtocol(port.protocol);
  if (secure && tls === undefined) say(`${port.protocol} needs tls`, 'tls');
  if (!secure && tls !== undefined) {
    const redirectOnly = Object.keys(tls).every(
      (field) => field === 'httpsRedirect' || (field === 'mode' && tls.mode === 'PASSTHROUGH'),
    );
    if (!isHttpProtocol(port.protocol)) say(`${port.protocol} must not have tls`, 'tls');
    else if (!redirectOnly) say('plain HTTP must not have tls settings other than httpsRedirect', 'tls');
  }
  if (tls?.httpsRedirect === true && !isHttpProtocol(port.protocol)) {
    context.problems.say('TS-CFG-0406', [...path, 'tls', 'httpsRedirect'], {
      reason: 'httpsRedirect is for plain HTTP servers',
    });
  }
  checkServerTls(context, tls, [...path, 'tls']);
}

function checkServerHost(context: Context, host: string, path: Path): void {
  const slash = host.indexOf('/');
  const namespace = slash === -1 ? '*' : host.slice(0, slash);
  const name = host.slice(slash + 1);
  const legal =
    (namespace === '*' || namespace === '.' || isDnsLabel(namespace)) && (isWildcardHost(name) || isIp(name));
  if (!legal) context.problems.say('TS-CFG-0301', path, { value: shown(host), what: '`[namespace/]host`' });
}

const CIPHERS = new Set([
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
  'ECDHE-ECDSA-AES128-SHA',
  'ECDHE-RSA-AES128-SHA',
  'ECDHE-ECDSA-AES256-SHA',
  'ECDHE-RSA-AES256-SHA',
  'AES128-GCM-SHA256',
  'AES256-GCM-SHA384',
  'AES128-SHA',
  'AES256-SHA',
  'DES-CBC3-SHA',
]);
const OLD = new Set(['TLSV1_0', 'TLSV1_1']);

export function checkServerTls(context: Context, tls: ServerTls | undefined, path: Path): void {
  if (tls === undefined) return;
  const say = (reason: string, field?: string): void =>
    context.problems.say('TS-CFG-0321', field === undefined ? path : [...path, field], { reason });
  const warn = (reason: string, field: string): void =>
    context.problems.say('TS-CFG-0406', [...path, field], { reason });
  if (OLD.has(tls.minProtocolVersion ?? '')) context.problems.say('TS-CFG-0410', [...path, 'minProtocolVersion']);
  const order = ['TLS_AUTO', 'TLSV1_0', 'TLSV1_1', 'TLSV1_2', 'TLSV1_3'];
  const [oldest, newest] = [
    order.indexOf(tls.minProtocolVersion ?? 'TLS_AUTO'),
    order.indexOf(tls.maxProtocolVersion ?? 'TLS_AUTO'),
  ];
  if (newest > 0 && oldest > newest) say('minProtocolVersion is above maxProtocolVersion', 'minProtocolVersion');
  const ciphers = new Set<string>();
  for (const cipher of tls.cipherSuites ?? []) {
    if (!CIPHERS.has(cipher)) warn(`the cipher suite ${shown(cipher)} is not known`, 'cipherSuites');
    if (ciphers.has(cipher)) warn(`the cipher suite ${shown(cipher)} is listed twice`, 'cipherSuites');
    ciphers.add(cipher);
  }
  checkCertificates(tls, say, warn);
}

type Say = (reason: string, field?: string) => void;

function checkCertificates(tls: ServerTls, say: Say, warn: (reason: string, field: string) => void): void {
  const set = (
    [
      'serverCertificate',
      'privateKey',
      'caCertificates',
      'credentialName',
      'credentialNames',
      'tlsCertificates',
      'caCertCredentialName',
    ] as const
  ).filter((field) => (typeof tls[field] === 'string' ? tls[field] !== '' : tls[field] !== undefined));
  const has = (field: (typeof set)[number]): boolean => set.includes(field);
  const mode = tls.mode ?? 'PASSTHROUGH';
  if ((tls.caCrl ?? '') !== '' && mode !== 'MUTUAL' && mode !== 'OPTIONAL_MUTUAL')
    return say(`${mode} verifies no client by its own roots, so it has no revocation list`, 'caCrl');
  for (const [field, good] of [
    ['verifyCertificateHash', isCertificateHash],
    ['verifyCertificateSpki', isKeyHash],
  ] as const) {
    const given = tls[field] ?? [];
    if (given.length > 0 && mode !== 'MUTUAL' && mode !== 'OPTIONAL_MUTUAL')
      return say(`${mode} verifies no client by its own roots, so it names no certificates`, field);
    for (const one of given) if (!good(one)) return say(`${shown(one)} is no SHA-256 as this field has it`, field);
  }
  if (mode === 'ISTIO_MUTUAL') {
    if (set.length > 0) say(`ISTIO_MUTUAL uses the mesh’s own certificates; ${set[0]} must not be set`, set[0]);
    return;
  }
  if (mode === 'PASSTHROUGH' || mode === 'AUTO_PASSTHROUGH') {
    if (set.length > 0) warn(`${mode} uses no certificates`, set[0] as string);
    return;
  }
  const named = has('credentialName') || has('credentialNames');
  const mutual = mode === 'MUTUAL' || mode === 'OPTIONAL_MUTUAL';
  if (!named && !has('tlsCertificates')) {
    if (!has('serverCertificate')) say(`${mode} needs serverCertificate, or credentialName`);
    else if (!has('privateKey')) say(`${mode} needs privateKey beside serverCertificate`);
  }
  if (mutual && !named && !has('caCertificates') && !has('caCertCredentialName'))
    say(`${mode} needs caCertificates, or credentialName`);
  if ((tls.caCrl ?? '') !== '' && (named || has('caCertCredentialName')))
    say('the revocation list belongs into the secret with the authorities', 'caCrl');
}
