// VirtualService (networking.istio.io): how requests for a host are routed (istio.io/api networking/v1alpha3/virtual_service.proto).

import {
  bytes,
  count,
  described,
  dict,
  duration,
  flag,
  integer,
  list,
  message,
  names,
  type Spec,
  text,
  textDict,
  textList,
} from './schema.ts';
import { exportToSchema, PercentSchema, PortSelectorSchema, StringMatchSchema } from './shared.ts';

export const DestinationSchema = message(
  'The service that requests are sent to.',
  {
    host: text('Service name: short (resolved in the rule’s namespace), or fully qualified.', { minLength: 1 }),
    subset: text('A subset that a DestinationRule of the host defines.'),
    port: described('The service’s port; may be left out where it has one.', PortSelectorSchema),
  },
  { required: ['host'] },
);
export type Destination = Spec<typeof DestinationSchema>;

const HeaderOperationsSchema = message('Changes to headers.', {
  set: textDict('Overwrite these headers.'),
  add: textDict('Append these values.'),
  remove: textList('Remove these headers.'),
});
const HeadersSchema = message('Header changes on the way there and back.', {
  request: described('Before the request is forwarded.', HeaderOperationsSchema),
  response: described('Before the response is returned.', HeaderOperationsSchema),
});
export type Headers = Spec<typeof HeadersSchema>;

const matchText = (what: string) => described(what, StringMatchSchema);

const HttpMatchSchema = message('Conditions on a request, all of which must hold.', {
  name: text('Shown in access logs, after the route’s name.'),
  uri: matchText('The path with its query left off.'),
  scheme: matchText('The URI scheme.'),
  method: matchText('The method.'),
  authority: matchText('The Host or :authority header.'),
  headers: dict('Headers by lower-case name; an empty value asks for presence only.', StringMatchSchema),
  port: count('The port that the request came to.', { maximum: 65_535 }),
  sourceLabels: textDict('Only for client workloads with these labels.'),
  gateways: textList('Only for these gateways (instead of the VirtualService’s).'),
  queryParams: dict('Query parameters by name; an empty value asks for presence only.', StringMatchSchema),
  ignoreUriCase: flag('Compare exact and prefix of uri without case.', { default: false }),
  withoutHeaders: dict('Headers that must not match.', StringMatchSchema),
  sourceNamespace: text('Only for client workloads of this namespace.'),
  statPrefix: text('Adds statistics under this name.'),
});
export type HttpMatch = Spec<typeof HttpMatchSchema>;

const HttpRouteDestinationSchema = message(
  'One weighted target.',
  {
    destination: DestinationSchema,
    weight: integer('Share of requests, relative to the sum.', {
      minimum: 0,
      maximum: 2_147_483_647,
      defaultText: 'all, where there is one target; else 0',
    }),
    headers: described('Header changes for this target, after the route’s.', HeadersSchema),
  },
  { required: ['destination'] },
);
export type HttpRouteDestination = Spec<typeof HttpRouteDestinationSchema>;

const HttpRedirectSchema = message(
  'Answers with a redirect.',
  {
    uri: text('Replaces the whole path.'),
    authority: text('Replaces the host.'),
    port: count('Puts this port into the answer.', { maximum: 65_535 }),
    derivePort: names('Puts a port into the answer: the scheme’s own, or the request’s.', [
      'FROM_PROTOCOL_DEFAULT',
      'FROM_REQUEST_PORT',
    ] as const),
    scheme: text('Replaces the scheme: http or https.'),
    redirectCode: count('301, 302, 303, 307 or 308.', { default: 301 }),
    prefixRewrite: text('Replaces the matched prefix.'),
  },
  { choices: [{ fields: ['port', 'derivePort'] }, { fields: ['uri', 'prefixRewrite'] }] },
);

const HttpDirectResponseSchema = message(
  'Answers at once, without a service.',
  {
    status: count('HTTP status.', { minimum: 100, maximum: 599 }),
    body: message(
      'What to send.',
      { string: text('As text.'), bytes: bytes('As base64.') },
      { choices: [{ fields: ['string', 'bytes'] }] },
    ),
  },
  { required: ['status'] },
);

const HttpRewriteSchema = message('Rewrites before forwarding.', {
  uri: text('Replaces the path, or the matched prefix.'),
  authority: text('Replaces the host.'),
  uriRegexRewrite: message('Rewrites the path by a pattern.', {
    match: text('RE2 pattern.', { maxLength: 1024 }),
    rewrite: text('Replacement; \\1 to \\9 are groups.'),
  }),
});

const HttpRetrySchema = message('When a failed request is tried again.', {
  attempts: integer('Tries after the first; 0 turns retries off.', {
    minimum: 0,
    maximum: 2_147_483_647,
    defaultText: '2 where the block is set at all',
  }),
  perTryTimeout: duration('Limit of each try.', { minimumMs: 0, defaultText: 'the route’s timeout' }),
  retryOn: text('Comma-separated conditions and status codes.', { defaultText: 'the mesh’s safe default' }),
  retryRemoteLocalities: flag('May a retry leave the locality.', { default: false }),
  retryIgnorePreviousHosts: flag('Avoid endpoints that already failed.', { default: true }),
  backoff: duration('Smallest pause between tries.', { defaultText: '25ms' }),
});
export type HttpRetry = Spec<typeof HttpRetrySchema>;

const HttpFaultSchema = message('Failures on purpose.', {
  delay: message(
    'Waits before forwarding.',
    {
      percent: integer('Share of requests, whole percents.', {
        minimum: 0,
        maximum: 100,
        deprecated: 'use percentage.value',
      }),
      fixedDelay: duration('How long.'),
      exponentialDelay: duration('Never in force in Istio.', { deprecated: 'use fixedDelay' }),
      percentage: described('Share of requests that wait.', PercentSchema, { defaultText: 'none' }),
    },
    { choices: [{ fields: ['fixedDelay', 'exponentialDelay'], required: true }] },
  ),
  abort: message(
    'Answers with an error instead of forwarding.',
    {
      percent: integer('Share of requests, whole percents.', {
        minimum: 0,
        maximum: 100,
        deprecated: 'use percentage.value',
      }),
      httpStatus: integer('HTTP status, 200 to 599.'),
      grpcStatus: text('gRPC status, by name or number.'),
      http2Error: text('Never in force in Istio.', { deprecated: 'use httpStatus or grpcStatus' }),
      percentage: described('Share of requests that fail.', PercentSchema, { defaultText: 'none' }),
    },
    { choices: [{ fields: ['httpStatus', 'grpcStatus', 'http2Error'], required: true }] },
  ),
});
export type HttpFault = Spec<typeof HttpFaultSchema>;

const CorsPolicySchema = message('Cross-origin resource sharing.', {
  allowOrigin: textList('Origins, exact.', { deprecated: 'use allowOrigins' }),
  allowOrigins: list('Origins that are allowed.', StringMatchSchema),
  allowMethods: textList('Access-Control-Allow-Methods.'),
  allowHeaders: textList('Access-Control-Allow-Headers.'),
  exposeHeaders: textList('Access-Control-Expose-Headers.'),
  maxAge: duration('Access-Control-Max-Age, whole seconds.'),
  allowCredentials: flag('Access-Control-Allow-Credentials.'),
  unmatchedPreflights: names(
    'What becomes of preflight requests from other origins.',
    ['UNSPECIFIED', 'FORWARD', 'IGNORE'] as const,
    { defaultText: 'FORWARD' },
  ),
});
export type CorsPolicy = Spec<typeof CorsPolicySchema>;

const HttpMirrorSchema = message(
  'A copy of requests, whose answers are dropped.',
  {
    destination: DestinationSchema,
    percentage: described('Share of requests.', PercentSchema, { defaultText: '100%' }),
  },
  { required: ['destination'] },
);

export const HttpRouteSchema = message('One HTTP rule; the first that matches wins.', {
  name: text('Shown in access logs.'),
  match: list('Alternatives, one of which must hold; none: every request.', HttpMatchSchema),
  route: list('Weighted targets.', HttpRouteDestinationSchema),
  redirect: HttpRedirectSchema,
  directResponse: HttpDirectResponseSchema,
  delegate: message('Routes are in another VirtualService.', {
    name: text('Its name.'),
    namespace: text('Its namespace.', { defaultText: 'its own' }),
  }),
  rewrite: HttpRewriteSchema,
  timeout: duration('Limit of the whole request.', { minimumMs: 0, defaultText: 'none' }),
  retries: HttpRetrySchema,
  fault: HttpFaultSchema,
  mirror: described('Copies requests to this target.', DestinationSchema),
  mirrors: list('Copies requests to these targets.', HttpMirrorSchema),
  mirrorPercent: count('Share of copied requests.', { deprecated: 'use mirrorPercentage', alias: 'mirror_percent' }),
  mirrorPercentage: described('Share of copied requests.', PercentSchema, { defaultText: '100%' }),
  corsPolicy: CorsPolicySchema,
  headers: described('Header changes for every target.', HeadersSchema),
});
export type HttpRoute = Spec<typeof HttpRouteSchema>;

const RouteDestinationSchema = message(
  'One weighted target.',
  {
    destination: DestinationSchema,
    weight: integer('Share of connections, relative to the sum.', { minimum: 0, maximum: 2_147_483_647 }),
  },
  { required: ['destination'] },
);
export type RouteDestination = Spec<typeof RouteDestinationSchema>;

const TlsRouteSchema = message(
  'One rule for TLS that is passed through, by server name.',
  {
    match: list(
      'Alternatives, one of which must hold.',
      message(
        'Conditions on a connection.',
        {
          sniHosts: textList('Server names; must be among the hosts, or within a wildcard of them.', { minItems: 1 }),
          destinationSubnets: textList('Destination addresses, IP or CIDR.'),
          port: count('Destination port.', { maximum: 65_535 }),
          sourceLabels: textDict('Only for client workloads with these labels.'),
          gateways: textList('Only for these gateways.'),
          sourceNamespace: text('Only for client workloads of this namespace.'),
        },
        { required: ['sniHosts'] },
      ),
      { minItems: 1 },
    ),
    route: list('Weighted targets.', RouteDestinationSchema),
  },
  { required: ['match'] },
);
export type TlsRoute = Spec<typeof TlsRouteSchema>;

const TcpRouteSchema = message('One rule for TCP connections.', {
  match: list(
    'Alternatives, one of which must hold; none: every connection.',
    message('Conditions on a connection.', {
      destinationSubnets: textList('Destination addresses, IP or CIDR.'),
      port: count('Destination port.', { maximum: 65_535 }),
      sourceSubnet: text('Source addresses, IP or CIDR.'),
      sourceLabels: textDict('Only for client workloads with these labels.'),
      gateways: textList('Only for these gateways.'),
      sourceNamespace: text('Only for client workloads of this namespace.'),
    }),
  ),
  route: list('Weighted targets.', RouteDestinationSchema),
});
export type TcpRoute = Spec<typeof TcpRouteSchema>;

export const VirtualServiceSchema = message(
  'Routes requests for one or more hosts: by content, by weight, with retries, time limits, faults and copies.',
  {
    hosts: textList('Hosts that the rules are for; empty: this is a delegate.'),
    gateways: textList('Gateways (`namespace/name`) where the rules hold; `mesh` means every sidecar.', {
      defaultText: '[mesh]',
    }),
    http: list('HTTP rules, in order.', HttpRouteSchema),
    tls: list('Rules for TLS passed through, in order.', TlsRouteSchema),
    tcp: list('Rules for TCP, in order.', TcpRouteSchema),
    exportTo: exportToSchema('VirtualService'),
  },
);
export type VirtualServiceSpec = Spec<typeof VirtualServiceSchema>;
