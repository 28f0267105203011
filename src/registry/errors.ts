// What the registry and the push have to say about objects that are valid alone but not together: one table of codes.

import type { ConfigObject, Complaint } from '#config';

/**
 * By code; docs/errors.md lists them. An error: something of the object is not so as it is written, and an edit of the
 * configuration has to mend it. A warning: all is in force but may not be meant, or it waits for workloads, for the object
 * that it names, or a restart, and nobody is refused meanwhile.
 */
export const CONDITIONS = {
  'TS-REG-001': {
    severity: 'error',
    message: 'delegates to VirtualService {delegate}, which does not exist or has hosts of its own',
    remedy: 'Create it without `hosts`, or correct the name. Until then the route matches nothing.',
  },
  'TS-REG-002': {
    severity: 'error',
    message:
      'sends to subset {subset} of {host}, which no DestinationRule defines any more: it keeps its former endpoints ({labels})',
    remedy: 'Define the subset again in a DestinationRule of the host, or take it out of the route.',
  },
  'TS-REG-003': {
    severity: 'error',
    message: 'sends to subset {subset} of {host}, which no DestinationRule defines: {effect}',
    remedy: 'Define the subset in a DestinationRule of the host; the route then comes into force by itself.',
  },
  'TS-REG-004': {
    severity: 'error',
    message: 'host {host} already has the older VirtualService {winner}: in the mesh only that one is in force for it',
    remedy: 'Put both rules into one VirtualService, or let one delegate to the other.',
  },
  'TS-REG-005': {
    severity: 'error',
    message: 'subset {subset} is already defined by DestinationRule {winner}: this definition is not in force',
    remedy: 'Give the subset another name or remove one of the two.',
  },
  'TS-REG-006': {
    severity: 'error',
    message: 'host {host} names no service: {effect}',
    remedy: 'Check the name and the namespace, or declare the host in a ServiceEntry.',
  },
  'TS-REG-007': {
    severity: 'error',
    message: 'Secret {secret} was not found: the server on port {port} accepts no connection',
    remedy: 'Create the Secret in the namespace of the gateway, with tls.crt and tls.key.',
  },
  'TS-REG-008': {
    severity: 'warning',
    message:
      'host {host} is a service of namespace {owner}: this VirtualService decides about its traffic for clients of other namespaces',
    remedy: 'Move it there, set exportTo to ".", or grant it with the annotation {annotation} on Namespace {owner}.',
  },
  'TS-REG-009': {
    severity: 'error',
    message:
      'host {host} is a service of namespace {owner}, and this mesh lets only owners route it: not in force for this host',
    remedy: 'Move it there, set exportTo to ".", or grant it with the annotation {annotation} on Namespace {owner}.',
  },
  'TS-REG-010': {
    severity: 'error',
    message: 'provider {provider} is not among the extensionProviders of MeshConfig: nothing is sent to it',
    remedy: 'Correct the name, or declare the provider in MeshConfig.',
  },
  'TS-REG-011': {
    severity: 'error',
    message: 'provider {provider} sends to {service} port {port}, which is no service of the mesh: nothing is sent',
    remedy: 'Create the service or a ServiceEntry for it, or correct host and port in MeshConfig.',
  },
  'TS-REG-012': {
    severity: 'error',
    message: 'provider {provider} is of a kind that {what} cannot use here: nothing is sent to it',
    remedy: 'Name a provider of another kind; docs/compatibility.md lists those in force.',
  },
  'TS-REG-013': {
    severity: 'error',
    message: 'provider {provider} {fault}: every request that this policy matches is denied',
    remedy: 'Declare it in extensionProviders of MeshConfig as an external authorizer whose service exists.',
  },
  'TS-REG-014': {
    severity: 'error',
    message:
      'provider {provider} is Open Policy Agent, which stock Envoy cannot ask: {workloads} deny every request that this policy matches',
    remedy: "Run these workloads on Topsail's own proxy, or let OPA's Envoy plugin answer as envoyExtAuthzGrpc.",
  },
  'TS-REG-015': {
    severity: 'error',
    message: 'the mesh already has the older MeshConfig {winner}: nothing of this one is in force',
    remedy: 'Write its settings into that one, or remove one of the two.',
  },
  'TS-REG-016': {
    severity: 'warning',
    message:
      'identities stay those of {inForce} until the control plane starts again: {trustDomain} is an alias until then',
    remedy: 'Keep {inForce} in trustDomainAliases, start the control plane again, then the pods.',
  },
  'TS-REG-017': {
    severity: 'error',
    message: '{why}: for this target the policy is in force nowhere',
    remedy: "Give a selector: then the workloads' own proxies enforce it.",
  },
  'TS-REG-018': {
    severity: 'error',
    message:
      'a GatewayClass is a target only from the root namespace {rootNamespace}: for it the policy is in force nowhere',
    remedy: 'Move the policy to {rootNamespace}, or name a Gateway of its own namespace.',
  },
  'TS-REG-019': {
    severity: 'error',
    message: 'the module {url} is not to be had: {problem}; {effect}',
    remedy: 'Correct `url`, `sha256` or `imagePullSecret`, or let the control plane ask that address (docs/wasm.md).',
  },
  'TS-REG-020': {
    severity: 'warning',
    message:
      'namespace {owner} declares host {host} too, and this mesh lets only owners route it: in force for clients of the own namespace only',
    remedy: 'Set exportTo to ".", or have it granted with the annotation {annotation} on Namespace {owner}.',
  },
  'TS-REG-021': {
    severity: 'warning',
    message:
      'an older VirtualService of namespace {owner} has {held} at gateway {gateway}: both decide about requests of host {host}',
    remedy:
      'Name another host, have it granted with the annotation {annotation} on Namespace {owner}, or say in the servers of the Gateway which namespace has it (NAMESPACE/HOST).',
  },
  'TS-REG-022': {
    severity: 'error',
    message:
      'an older VirtualService of namespace {owner} has {held} at gateway {gateway}, and this mesh lets only owners route it: not in force for host {host}',
    remedy:
      'Name another host, have it granted with the annotation {annotation} on Namespace {owner}, or say in the servers of the Gateway which namespace has it (NAMESPACE/HOST).',
  },
  'TS-REG-023': {
    severity: 'error',
    message: 'the older {kind} {winner} is for the same workloads: nothing of this one is in force',
    remedy: 'Put both into one object, or select other workloads.',
  },
  'TS-REG-024': {
    severity: 'warning',
    message:
      'stock Envoy cannot count a body that goes on at once: {workloads} refuse what announces too much, and let longer bodies of unknown length pass',
    remedy: "Set request.body.mode to BUFFERED, or run these workloads on Topsail's own proxy.",
  },
  'TS-REG-025': {
    severity: 'error',
    message: 'there is no Gateway {gateway} of the Gateway API: for this target it is in force nowhere',
    remedy:
      'Correct the name, or create the Gateway in the namespace of the object. Other gateways are chosen by a selector.',
  },
  'TS-REG-026': {
    severity: 'warning',
    message: 'no {who} of {where} has the labels {labels}{elsewhere}: {effect}',
    remedy: 'Correct the labels or the namespace, or start the workload: it is found as soon as it runs.',
  },
  'TS-REG-027': {
    severity: 'warning',
    message:
      'no RequestAuthentication applies where rule {rule} counts by the claim {claim}: no token is verified there, and all callers share one bucket',
    remedy: 'Create a RequestAuthentication for these workloads, or count by another key.',
  },
  'TS-REG-028': {
    severity: 'warning',
    message: 'stock Envoy shares no buckets with other proxies: each of {workloads} counts rule {rule} for itself',
    remedy: "Divide the limit by the number of these proxies, or run the workloads on Topsail's own proxy.",
  },
  'TS-REG-029': {
    severity: 'error',
    message: 'port {port} is no port of service {host} ({ports}): {effect}',
    remedy: 'Name a port of the service, or add this one to it.',
  },
  'TS-REG-030': {
    severity: 'warning',
    message: 'subset {subset}: no endpoint of {host} has the labels {labels}: requests to it find nobody',
    remedy: 'Correct the labels, or start the workload: it is found as soon as it runs.',
  },
  'TS-REG-031': {
    severity: 'warning',
    message: 'host {host} names no service: the rule is in force nowhere',
    remedy:
      'Check the name and the namespace, or declare the host in a Service or ServiceEntry: the rule then comes into force by itself.',
  },
  'TS-REG-032': {
    severity: 'warning',
    message:
      'all ports of {host} ({ports}) are HTTP, and HTTP requests are not tunnelled: the tunnel is in force nowhere',
    remedy:
      'Declare a port of the service as TCP or TLS by its name or appProtocol, or send a `tls` or `tcp` route to the host.',
  },
  'TS-REG-033': {
    severity: 'warning',
    message: 'there is no Gateway {gateway}: for it the routes are in force nowhere',
    remedy: 'Correct the name (NAMESPACE/NAME of another namespace), or create the Gateway.',
  },
  'TS-REG-034': {
    severity: 'warning',
    message: 'port {port} is a port of none of the workloads that are selected ({ports}): {effect}',
    remedy: 'Write the port on which the workload itself listens: the targetPort of its Service.',
  },
  'TS-REG-035': {
    severity: 'warning',
    message:
      'host {host} is another name of the service {service} (ExternalName): for clients who see both the rule is not in force',
    remedy: 'Write the rule for the service itself: it holds under all of its names.',
  },
} as const satisfies Record<string, { severity: Complaint['severity']; message: string; remedy: string }>;

export type ConditionCode = keyof typeof CONDITIONS;

/** A complaint about one object, found when it is seen together with others. */
export type Condition = Complaint;

export function condition(
  code: ConditionCode,
  object: ConfigObject,
  details: { readonly path: string } & Readonly<Record<string, string>>,
  /** The known name nearest to the one written. */
  nearest?: string,
): Condition {
  const { severity, message, remedy } = CONDITIONS[code];
  const filled = (template: string): string => template.replace(/\{(\w+)\}/g, (_, name: string) => details[name] ?? '');
  return Object.freeze<Condition>({
    code,
    severity,
    file: object.source.file,
    line: object.source.line,
    column: 1,
    object: `${object.kind} ${object.metadata.namespace}/${object.metadata.name}`,
    path: details.path,
    message: filled(message) + (nearest === undefined ? '' : `. Did you mean \`${nearest}\`?`),
    ...(nearest === undefined ? {} : { nearest }),
    remedy: filled(remedy),
    page: `errors.md#${code.toLowerCase()}`,
  });
}
