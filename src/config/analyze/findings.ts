// Istio's analyzer codes, for what is found in texts alone. What takes the mesh's services or workloads to see has codes of its own
// (src/registry/errors.ts), and is not told twice.

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
  IST0111: entry(
    'MultipleSidecarsWithoutWorkloadSelectors',
    'warning',
    'The Sidecars {objects} of namespace {namespace} have no workload selector.',
    'Keep one of them, or give the others selectors.',
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
    'warning',
    'Port {port} and hosts {hosts} conflict with {objects}: same workloads, port and hosts.',
    'Merge the Gateways, or part their hosts.',
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
