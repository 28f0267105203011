// Asks an authorization service over HTTP: the request itself without most of its headers; 200 allows (ext_authz HttpService).

import type { HttpService } from '#proto/envoy/extensions/filters/http/ext_authz/v3/ext_authz_pb.ts';
import { HeaderBlock, type RequestHead } from '#wire/http';
import { ConfigError } from '../../../errors.ts';
import { millisOf } from '../../../matcher/fraction.ts';
import type { ClusterManager } from '../../../upstream/cluster-manager.ts';
import { type CallAnswer, callCluster } from '../../call/cluster-call.ts';
import { CHECK_ANSWER_BYTES_MAX } from '../../limits.ts';
import { type CheckInput, PARTIAL_BODY } from './check-input.ts';
import { type Authorizer, type Decision, type HeaderChange, PLAINLY_ALLOWED } from './decision.ts';
import { compileNameList, type NamePredicate } from './name-list.ts';

const TIMEOUT_DEFAULT_MS = 200;
/** Always sent, whatever the list says. */
const ALWAYS_SENT = new Set(['authorization']);
/** Never sent: they are about the client's connection, or about a body that is not sent. */
const NEVER_SENT = new Set([
  'connection',
  'content-length',
  'expect',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'host',
]);
const ALWAYS_TO_CLIENT = new Set(['www-authenticate', 'location']);

export function httpAuthorizer(
  config: HttpService,
  sent: NamePredicate | undefined,
  clusters: ClusterManager,
  field: string,
): Authorizer {
  const uri = config.serverUri;
  if (uri === undefined) throw new ConfigError('proxy.field-required', `${field}.server_uri`);
  const cluster = uri.httpUpstreamType.case === 'cluster' ? uri.httpUpstreamType.value : '';
  if (cluster === '') throw new ConfigError('proxy.field-required', `${field}.server_uri.cluster`);
  const timeoutMs = millisOf(uri.timeout) ?? TIMEOUT_DEFAULT_MS;
  const request = config.authorizationRequest;
  const response = config.authorizationResponse;
  const listed = sent ?? compileNameList(request?.allowedHeaders, `${field}.authorization_request.allowed_headers`);
  const added = (request?.headersToAdd ?? []).map(({ key, value }) => [key, value] as const);
  const at = `${field}.authorization_response`;
  const answers: Answers = {
    upstream: compileNameList(response?.allowedUpstreamHeaders, `${at}.allowed_upstream_headers`),
    upstreamAppend: compileNameList(
      response?.allowedUpstreamHeadersToAppend,
      `${at}.allowed_upstream_headers_to_append`,
    ),
    client: compileNameList(response?.allowedClientHeaders, `${at}.allowed_client_headers`),
    clientOnSuccess: compileNameList(
      response?.allowedClientHeadersOnSuccess,
      `${at}.allowed_client_headers_on_success`,
    ),
  };
  if (response?.dynamicMetadataFromHeaders !== undefined)
    throw new ConfigError('proxy.unsupported', `${at}.dynamic_metadata_from_headers`, 'give headers');
  return {
    check: (input, done) => {
      const head = headOf(input, config.pathPrefix, listed, added);
      return callCluster(
        { clusters, cluster, head, body: input.body ?? EMPTY, timeoutMs, answerBytesMax: CHECK_ANSWER_BYTES_MAX },
        (result) => done(result.ok ? read(result.answer, answers) : { kind: 'error', reason: result.reason }),
      );
    },
  };
}

const EMPTY = new Uint8Array(0);

interface Answers {
  readonly upstream: NamePredicate | undefined;
  readonly upstreamAppend: NamePredicate | undefined;
  readonly client: NamePredicate | undefined;
  readonly clientOnSuccess: NamePredicate | undefined;
}

function headOf(
  input: CheckInput,
  prefix: string,
  listed: NamePredicate | undefined,
  added: readonly (readonly [string, string])[],
): RequestHead {
  const { head, body } = input;
  const headers = new HeaderBlock();
  for (const [name, value] of head.headers.entries()) {
    if (NEVER_SENT.has(name) || name === PARTIAL_BODY) continue;
    if (ALWAYS_SENT.has(name) || listed?.(name) === true) headers.add(name, value);
  }
  headers.set('content-length', String(body?.length ?? 0));
  if (body !== undefined) headers.set(PARTIAL_BODY, String(input.truncated));
  for (const [name, value] of added) headers.set(name, value);
  return {
    method: head.method,
    path: prefix + head.path,
    authority: head.authority,
    scheme: head.scheme,
    version: '1.1',
    protocol: '',
    headers,
  };
}

function read(answer: CallAnswer, lists: Answers): Decision {
  if (answer.status >= 500 || answer.status < 200)
    return { kind: 'error', reason: `the service answered ${answer.status}` };
  const pick = (wanted: (name: string) => boolean, how: HeaderChange['how']): HeaderChange[] =>
    [...answer.headers.entries()]
      .filter(([name]) => !NEVER_SENT.has(name) && !name.startsWith(':') && wanted(name))
      .map(([name, value]) => ({ name, value, how }));
  if (answer.status === 200) {
    const { upstream, upstreamAppend, clientOnSuccess } = lists;
    return {
      ...PLAINLY_ALLOWED,
      requestHeaders: [
        ...(upstream === undefined ? [] : pick(upstream, 'set')),
        ...(upstreamAppend === undefined ? [] : pick(upstreamAppend, 'append')),
      ],
      responseHeaders: clientOnSuccess === undefined ? [] : pick(clientOnSuccess, 'append'),
    };
  }
  const { client } = lists;
  return {
    kind: 'denied',
    status: answer.status,
    body: answer.body.toString('utf8'),
    headers: pick((name) => client === undefined || client(name) || ALWAYS_TO_CLIENT.has(name), 'append'),
    metadata: undefined,
  };
}
