// Short hands for scenarios' configuration.

/** Subsets of `web` by version; `policy` is the rule's trafficPolicy. */
export const WEB_SUBSETS = destinationRule('web', '', ['v1', 'v2', 'v3']);

export function destinationRule(host: string, policy = '', subsets: readonly string[] = []): string {
  return `apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: ${host.split('.')[0]}, namespace: default }
spec:
  host: ${host}
${policy === '' ? '' : `  trafficPolicy: ${policy}\n`}${subsets.length === 0 ? '' : `  subsets: [${subsets.map((v) => `{ name: ${v}, labels: { version: ${v} } }`).join(', ')}]\n`}---
`;
}

/** A VirtualService of `web` with these http rules (flow YAML each). */
export function routes(...rules: readonly string[]): string {
  return virtualService('web', ['web'], rules);
}

export function virtualService(name: string, hosts: readonly string[], rules: readonly string[], more = ''): string {
  return `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: ${name}, namespace: default }
spec:
  hosts: [${hosts.map((host) => `"${host}"`).join(', ')}]
${more}  http:
${rules.map((rule) => `  - ${rule}`).join('\n')}
---
`;
}

export const to = (host: string, subset?: string): string =>
  `route: [{ destination: { host: ${host}${subset === undefined ? '' : `, subset: ${subset}`} } }]`;
