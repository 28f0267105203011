// Istio's analyzer codes, as far as they are looked for here: what is wrong between objects that are each fine alone.

import { fill } from '../errors.ts';
import type { Complaint, Severity } from '../model/complaint.ts';
import type { ConfigObject } from '../model/object.ts';
import { type Path, pathText } from '../problem.ts';

interface FindingEntry {
  readonly name: string;
  readonly severity: Severity;
  readonly message: string;
  readonly remedy: string;
}

const entry = (name: string, severity: Severity, message: string, remedy: string): FindingEntry => ({
  name,
  severity,
  message,
  remedy,
});

export const FINDINGS = {
  IST0101: entry(
    'ReferencedResourceNotFound',
    'error',
    'The {what} {value} does not exist.',
    'Create it, or correct the name.',
  ),
  IST0109: entry(
    'ConflictingMeshGatewayVirtualServiceHosts',
    'error',
    'The VirtualServices {objects} define the same host {host} for the mesh.',
    'Merge them into one VirtualService.',
  ),
  IST0111: entry(
    'MultipleSidecarsWithoutWorkloadSelectors',
    'error',
    'The Sidecars {objects} of namespace {namespace} have no workload selector.',
    'Keep one of them, or give the others selectors.',
  ),
  IST0112: entry(
    'VirtualServiceDestinationPortSelectorRequired',
    'error',
    'The service {host} has several ports ({ports}); the destination names none.',
    'Add destination.port.number.',
  ),
  IST0118: entry(
    'PortNameIsNotUnderNamingConvention',
    'info',
    'The name of port {name} ({port}) says no protocol; it is found out from the traffic.',
    'Begin the name with the protocol (`http-{name}`), or set appProtocol.',
  ),
  IST0127: entry(
    'NoMatchingWorkloadsFound',
    'warning',
    'No workload has the labels {labels}.',
    'Correct the labels, or start the workload.',
  ),
  IST0128: entry(
    'NoServerCertificateVerificationDestinationLevel',
    'warning',
    'TLS mode {mode} to {host} verifies no server certificate: no caCertificates are set.',
    'Set caCertificates, or credentialName.',
  ),
  IST0129: entry(
    'NoServerCertificateVerificationPortLevel',
    'warning',
    'TLS mode {mode} to {host} port {port} verifies no server certificate: no caCertificates are set.',
    'Set caCertificates, or credentialName.',
  ),
  IST0130: entry(
    'VirtualServiceUnreachableRule',
    'warning',
    'Rule {rule} is never used: {reason}.',
    'Remove it, or move it up.',
  ),
  IST0131: entry(
    'VirtualServiceIneffectiveMatch',
    'info',
    'Match {match} of rule {rule} is never used: rule {other} matches the same before it.',
    'Remove it, or move the rule up.',
  ),
  IST0132: entry(
    'VirtualServiceHostNotFoundInGateway',
    'warning',
    'Host {host} is not served by Gateway {gateway}.',
    'Add the host to a server of the Gateway, or correct it.',
  ),
  IST0138: entry(
    'GatewayDuplicateCertificate',
    'warning',
    'The certificate {value} is also used by {objects}: clients that re-use HTTP/2 connections may get 404.',
    'Use one Gateway, or certificates of their own.',
  ),
  IST0145: entry(
    'ConflictingGateways',
    'error',
    'Port {port} and hosts {hosts} conflict with {objects}: same workloads, port and hosts.',
    'Merge the Gateways, or part their hosts.',
  ),
  IST0150: entry(
    'ExternalNameServiceTypeInvalidPortName',
    'warning',
    'Port {name} of an ExternalName service has no protocol in its name, or tcp.',
    'Name the protocol, such as `https`.',
  ),
  IST0173: entry(
    'DestinationRuleSubsetNotSelectPods',
    'error',
    'Subset {subset} of {host} selects no workload.',
    'Correct the labels of the subset, or start the workload.',
  ),
  IST0174: entry(
    'UnknownDestinationRuleHost',
    'warning',
    'The host {host} is not known.',
    'Correct the host, or create its Service or ServiceEntry.',
  ),
} as const satisfies Record<string, FindingEntry>;

export type FindingCode = keyof typeof FINDINGS;

export function finding(
  code: FindingCode,
  object: ConfigObject,
  path: Path,
  args: Readonly<Record<string, string | number>>,
): Complaint {
  const { severity, message, remedy } = FINDINGS[code];
  const { kind, metadata, source } = object;
  return {
    code,
    severity,
    file: source.file,
    line: source.line,
    column: 1,
    object: `${kind} ${metadata.namespace === '' ? '' : `${metadata.namespace}/`}${metadata.name}`,
    path: pathText(path),
    message: fill(message, args),
    remedy: fill(remedy, args),
    page: `errors.md#${code.toLowerCase()}`,
  };
}

export function nameOf(object: ConfigObject): string {
  return `${object.metadata.namespace}/${object.metadata.name}`;
}
