// Every complaint that configuration can cause: code, severity, message and remedy. docs/errors.md is generated from this table; a code that is no longer used stays, marked as burnt.

import type { Severity } from './model/complaint.ts';

export interface ErrorEntry {
  readonly severity: Severity;
  /** `{name}` stands for an argument. */
  readonly message: string;
  readonly remedy: string;
}

const error = (message: string, remedy: string): ErrorEntry => ({ severity: 'error', message, remedy });
const warning = (message: string, remedy: string): ErrorEntry => ({ severity: 'warning', message, remedy });

export const ERRORS = {
  // Documents
  'TS-CFG-0001': error(
    'The document is not YAML: {reason}.',
    'Correct the syntax at the place named; YAML counts spaces, and tabs are not allowed for indentation.',
  ),
  'TS-CFG-0002': error('The text has {size} bytes; {limit} are allowed.', 'Split it into several files.'),
  'TS-CFG-0003': error(
    'The document is too large once its aliases are resolved, or nested deeper than {depth} levels.',
    'Write the values out, or split the document.',
  ),
  'TS-CFG-0004': error(
    'A document must be a mapping with apiVersion and kind; this is {found}.',
    'Begin the document with `apiVersion:` and `kind:`.',
  ),
  'TS-CFG-0005': error('`{field}` is missing.', 'Write it at the top of the document.'),
  'TS-CFG-0006': error(
    'Kind {kind} of {apiVersion} is not known.',
    'Correct the kind or the apiVersion; docs/compatibility.md lists what is known.',
  ),
  'TS-CFG-0007': error('{kind} is not served as {apiVersion}.', 'Use one of the served versions.'),
  'TS-CFG-0008': error(
    'The name {name} is no {rule}.',
    'Use lower-case letters, digits, `-` and `.`; begin and end with a letter or digit.',
  ),
  'TS-CFG-0009': error('`metadata.namespace` does not fit: {reason}.', 'Correct the namespace.'),
  'TS-CFG-0010': error('The file holds more than {limit} documents.', 'Split it into several files.'),
  'TS-CFG-0011': error('is also in {other}; the older one stays in force.', 'Remove one of the two documents.'),
  'TS-CFG-0012': error('{kind} has no spec.', 'Write `spec:`.'),
  'TS-CFG-0013': error('The file cannot be read: {reason}.', 'Make it readable, or remove it.'),
  'TS-CFG-0014': warning(
    '{kind} documents are read by `topsail install`, not by the mesh.',
    'Hand it over with `topsail install -f FILE`; if it lies in the configuration folder, move it out of there.',
  ),
  'TS-CFG-0015': warning(
    '{kind} documents are not read by the mesh.',
    'On one host start the workload with `topsail run`; in a cluster apply it with kubectl.',
  ),
  'TS-CFG-0016': error(
    'The text is not UTF-8.',
    'Save it as UTF-8: `iconv -f LATIN1 -t UTF-8 FILE`, or UTF-16 in place of LATIN1 if that is what your editor wrote.',
  ),
  // Fields
  'TS-CFG-0101': error('Field `{field}` is not known here.', 'Correct the name or remove the field.'),
  'TS-CFG-0102': error('`{field}` must be {expected}, not {found}.', 'Write a value of that form.'),
  'TS-CFG-0103': error('`{field}` is required.', 'Add the field.'),
  'TS-CFG-0104': error('{value} is no value of `{field}`.', 'Use one of the values listed.'),
  'TS-CFG-0105': error('`{field}` is {found}; it must be {expected}.', 'Write a value within the limits.'),
  'TS-CFG-0106': error('{value} is no duration.', 'Write a number and a unit, such as `500ms`, `5s` or `1m30s`.'),
  'TS-CFG-0107': error(
    'The pattern {value} is not legal RE2 syntax: {reason}.',
    'Look-around and back-references do not exist in RE2; write the pattern without them.',
  ),
  'TS-CFG-0108': error('Only one of {fields} may be set; {found} are.', 'Keep one of them.'),
  'TS-CFG-0109': error('One of {fields} must be set.', 'Set exactly one of them.'),
  'TS-CFG-0110': error('`{field}` holds an empty item.', 'Remove the item, or write `{}` where nothing is to be said.'),
  'TS-CFG-0111': error('`{field}` is not base64.', 'Encode the value, or use stringData in a Secret.'),
  'TS-CFG-0112': warning('`{field}` is deprecated: {instead}.', 'Write the modern field; the old one is still read.'),
  'TS-CFG-0113': warning('`{field}` is read as `{name}`.', 'Write the name in camel case.'),
  'TS-CFG-0114': warning(
    'Field `{field}` is not known here and has no effect.',
    'Correct the name or remove the field.',
  ),
  'TS-CFG-0115': error('`{field}` does not fit the pattern {pattern}.', 'Write a value that fits.'),
  // In force or not
  'TS-CFG-0201': warning(
    '`{field}` is accepted but has no effect yet.',
    'docs/compatibility.md lists what is in force.',
  ),
  'TS-CFG-0202': error(
    '`{field}` is not in force yet, and leaving it out would change who gets through.',
    'Remove the field, or the object; docs/compatibility.md lists what is in force.',
  ),
  'TS-CFG-0203': error(
    '{kind} is not in force: {instead}.',
    'Remove the object; docs/not-in-force.md says what to write instead of such kinds, and of EnvoyFilters by what they do.',
  ),
  // Rules of Istio
  'TS-CFG-0301': error(
    '{value} is no {what}.',
    'Write a host such as `reviews`, `reviews.default.svc.cluster.local` or `*.example.com`.',
  ),
  'TS-CFG-0302': error('{value} appears twice in `{field}`.', 'Keep one of them.'),
  'TS-CFG-0303': error('The host `*` is not allowed here.', 'Name the hosts, or bind the object to a gateway.'),
  'TS-CFG-0304': error('The weights of `{field}` add up to 0.', 'Give at least one target a weight above 0.'),
  'TS-CFG-0305': error('{value} is no port: 1 to 65535.', 'Write a port number.'),
  'TS-CFG-0306': error('{value} names no gateway.', 'Write `namespace/name`, a name of the same namespace, or `mesh`.'),
  'TS-CFG-0307': error(
    'The header {value} cannot be used here: {reason}.',
    'Use a header name of letters, digits, `-` and `_`.',
  ),
  'TS-CFG-0308': error(
    'The value of the header {name} is not legal: {reason}.',
    'Write `%%` for a percent sign; `%NAME%` is an operator.',
  ),
  'TS-CFG-0309': error('The redirect is not legal: {reason}.', 'Correct the redirect.'),
  'TS-CFG-0310': error('The rewrite is not legal: {reason}.', 'Correct the rewrite.'),
  'TS-CFG-0311': error('The retries are not legal: {reason}.', 'Correct the retries.'),
  'TS-CFG-0312': error('The fault is not legal: {reason}.', 'Correct the fault.'),
  'TS-CFG-0313': error(
    'The rule does not fit together: {reason}.',
    'A rule has one of route, redirect, directResponse or delegate.',
  ),
  'TS-CFG-0314': error(
    'The delegation is not legal: {reason}.',
    'A delegate has neither hosts nor gateways, and only http rules.',
  ),
  'TS-CFG-0315': error('The mirror is not legal: {reason}.', 'Use mirrors alone, or mirror with mirrorPercentage.'),
  'TS-CFG-0316': error('The CORS policy is not legal: {reason}.', 'Correct the policy.'),
  'TS-CFG-0317': error('The server name {value} is not covered by the hosts.', 'Add a host that covers it.'),
  'TS-CFG-0318': error('exportTo is not legal: {reason}.', 'Write `.`, `*`, or namespaces.'),
  'TS-CFG-0319': error('The label {value} is not legal: {reason}.', 'Use plain labels; wildcards are not allowed.'),
  'TS-CFG-0320': error(
    'The target is not legal: {reason}.',
    'Point at a Gateway, GatewayClass, Service or ServiceEntry of the same namespace.',
  ),
  'TS-CFG-0321': error('The TLS settings do not fit together: {reason}.', 'Correct the tls block.'),
  'TS-CFG-0322': error('The traffic policy is not legal: {reason}.', 'Correct the traffic policy.'),
  'TS-CFG-0323': error('The outlier detection is not legal: {reason}.', 'Correct the block.'),
  'TS-CFG-0324': error('The load balancer is not legal: {reason}.', 'Correct the block.'),
  'TS-CFG-0325': error('{value} is no {what}.', 'Write an address such as `10.1.2.3`, `2001:db8::1` or `10.0.0.0/8`.'),
  'TS-CFG-0326': error(
    'The endpoints do not fit the resolution: {reason}.',
    'Correct the resolution or the endpoints.',
  ),
  'TS-CFG-0327': error('The Sidecar is not legal: {reason}.', 'Correct the Sidecar.'),
  'TS-CFG-0328': error(
    'The rule of the policy is not legal: {reason}.',
    'Correct the rule; an empty rule `{}` matches everything.',
  ),
  'TS-CFG-0329': error(
    'The condition {value} is not legal: {reason}.',
    'Use an attribute of docs/reference/AuthorizationPolicy.md.',
  ),
  'TS-CFG-0330': error(
    'The path {value} is not legal: {reason}.',
    'Use `*` at one end, or `{*}` and after them one `{**}`, as whole segments.',
  ),
  'TS-CFG-0331': error('The PeerAuthentication is not legal: {reason}.', 'Correct the object.'),
  'TS-CFG-0332': error('The token rule is not legal: {reason}.', 'Correct the rule.'),
  'TS-CFG-0333': error('The annotation {value} is not allowed: {reason}.', 'Remove the annotation.'),
  'TS-CFG-0334': error(
    'The protocol {value} is not known.',
    'Use HTTP, HTTPS, GRPC, GRPC-WEB, HTTP2, MONGO, REDIS, MYSQL, TCP or TLS.',
  ),
  'TS-CFG-0335': error('The server is not legal: {reason}.', 'Correct the server.'),
  'TS-CFG-0336': error('The object says nothing: {reason}.', 'Add what is missing, or remove the block.'),
  'TS-CFG-0337': error('The subset name {value} is no DNS label.', 'Use lower-case letters, digits and `-`.'),
  'TS-CFG-0338': error('The locality settings are not legal: {reason}.', 'Correct the block.'),
  'TS-CFG-0339': error('The match is not legal: {reason}.', 'Correct the match.'),
  'TS-CFG-0340': error('The Service is not legal: {reason}.', 'Correct the Service.'),
  'TS-CFG-0341': error('The probe is not legal: {reason}.', 'Correct the probe.'),
  'TS-CFG-0342': error('The mesh configuration is not legal: {reason}.', 'Correct the setting.'),
  'TS-CFG-0343': error('The body has {size} bytes; at most 1 MiB is allowed.', 'Serve it from a service.'),
  'TS-CFG-0344': error('The telemetry is not legal: {reason}.', 'Correct the name.'),
  'TS-CFG-0345': error(
    '{value} is no expression that can be used: {reason}.',
    'Write CEL over the attributes of docs/telemetry.md, such as `response.code >= 400`.',
  ),
  'TS-CFG-0346': error('The plugin is not legal: {reason}.', 'Correct the plugin.'),
  'TS-CFG-0347': error(
    'The rate limit is not legal: {reason}.',
    'Correct the rule; docs/rate-limits.md has examples of every kind.',
  ),
  // Warnings of Istio
  'TS-CFG-0401': warning('The selector is empty: it chooses every workload.', 'Remove the selector, or name labels.'),
  'TS-CFG-0402': warning('{value} is a gateway in the old form.', 'Write `namespace/name`.'),
  'TS-CFG-0403': warning('An ALLOW policy without rules denies everything.', 'Add rules if that is not meant.'),
  'TS-CFG-0404': warning(
    'HTTP fields of a DENY rule do not count on TCP ports: there this one denies {denied}.',
    'Name the ports in `to.operation.ports`. A running mesh says this only where a workload that it is for has other ports than HTTP, or none is known.',
  ),
  'TS-CFG-0405': warning('The body is large ({size} bytes).', 'Serve it from a service.'),
  'TS-CFG-0406': warning('The TLS setting has no effect: {reason}.', 'Remove it.'),
  'TS-CFG-0407': warning('The host {value} is listed twice.', 'Keep one of them.'),
  'TS-CFG-0408': warning(
    'The server name {value} is an address; clients do not send addresses as server names.',
    'Use a host name.',
  ),
  // TS-CFG-0409 is burnt: it said that locality failover has no effect without outlierDetection.
  'TS-CFG-0410': warning('TLS below 1.2 is asked for.', 'Set minProtocolVersion to TLSV1_2.'),
  'TS-CFG-0411': warning('`{field}` has no effect here: {reason}.', 'Remove it.'),
  'TS-CFG-0412': warning('{reason}.', 'Correct it if it is not meant.'),
  // The store
  'TS-CFG-0501': warning(
    'The document is not in force; its last good version still is.',
    'Correct the errors reported with it.',
  ),
  'TS-CFG-0502': warning(
    'The document is not in force and has no good version: until it is corrected, {effect}.',
    'Correct the errors reported with it.',
  ),
  'TS-CFG-0504': error('The object was not written: {reason}.', 'Correct the file that is named, then apply again.'),
  'TS-CFG-0505': error(
    'The file cannot be written: {reason}.',
    'Make room on the disk of the configuration folder, or make the folder writable for the control plane, then do it again.',
  ),
  'TS-CFG-0506': error(
    'The configuration folder {folder} is gone; what it held stays in force until the mesh ends.',
    'Put it back, or make an empty one to remove everything.',
  ),
} as const satisfies Record<string, ErrorEntry>;

export type ErrorCode = keyof typeof ERRORS;

/** Replaces `{name}` by its argument. */
export function fill(template: string, args: Readonly<Record<string, string | number>>): string {
  return template.replace(/\{(\w+)\}/g, (whole, name: string) => String(args[name] ?? whole));
}
