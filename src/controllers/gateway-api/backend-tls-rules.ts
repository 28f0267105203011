// BackendTLSPolicies as a gateway's own DestinationRules: TLS over what other rules say of the Service, and the roots as a Secret beside it.
import type { KubeObject } from '#kube';
import { type BackendTls, type JudgedPolicy, SYSTEM_ROOTS } from './backend-tls.ts';
import { GENERATED, label } from './generated-names.ts';
import { GATEWAY_NAME_LABEL, type GatewayApiInput, type KubernetesGateway, type RulePolicy } from './resources.ts';

/** Services by `namespace/name`. */
export function backendTlsManifests(
  gateway: KubernetesGateway,
  services: ReadonlySet<string>,
  tls: BackendTls,
  input: GatewayApiInput,
): readonly KubeObject[] {
  const namespace = gateway.metadata.namespace ?? '';
  const secrets = new Map<string, KubeObject>();
  const rules = [...services].sort().flatMap((service): readonly KubeObject[] => {
    const [from = '', name = ''] = service.split('/');
    const ports = (input.servicePorts(from, name) ?? []).flatMap((number) => {
      const judged = tls.of(from, name, number);
      if (judged?.roots === undefined) return [];
      const secret = rootsSecret(judged, namespace);
      if (secret !== undefined) secrets.set(secret.metadata.name, secret);
      return [{ number, tls: settingsOf(judged, secret?.metadata.name) }];
    });
    if (ports.length === 0) return [];
    const host = `${name}.${from}.svc.${input.domain}`;
    const base = input.destinationRule(host, [namespace, from]);
    return [
      {
        apiVersion: 'networking.istio.io/v1',
        kind: 'DestinationRule',
        metadata: { name: label(`${name}-${from}-${gateway.metadata.name}-${GENERATED}`), namespace },
        spec: {
          host,
          exportTo: ['.'],
          workloadSelector: { matchLabels: { [GATEWAY_NAME_LABEL]: gateway.metadata.name } },
          ...(base?.subsets === undefined ? {} : { subsets: base.subsets }),
          trafficPolicy: {
            ...base?.trafficPolicy,
            portLevelSettings: [
              ...(base?.trafficPolicy?.portLevelSettings ?? []).filter(
                ({ port }) => !ports.some(({ number }) => number === port?.number),
              ),
              ...ports.map((port) => ({ ...blocksOf(base?.trafficPolicy, port.number), ...port })).map(asSetting),
            ],
          },
        },
      },
    ];
  });
  return [...secrets.values(), ...rules];
}

function asSetting({ number, ...rest }: { readonly number: number }): object {
  return { port: { number }, ...rest };
}

/** Settings of a port replace all of the host's blocks: what these say for the port comes along. */
function blocksOf(policy: RulePolicy | undefined, number: number): object {
  const own = policy?.portLevelSettings?.find(({ port }) => port?.number === number);
  const { loadBalancer, connectionPool, outlierDetection } = own ?? policy ?? {};
  return {
    ...(loadBalancer === undefined ? {} : { loadBalancer }),
    ...(connectionPool === undefined ? {} : { connectionPool }),
    ...(outlierDetection === undefined ? {} : { outlierDetection }),
  };
}

/** With names of its own a policy's `hostname` is what is asked for, and not what has to answer. */
function settingsOf({ policy }: JudgedPolicy, credentialName: string | undefined): object {
  const { hostname, subjectAltNames = [] } = policy.spec.validation;
  const names = subjectAltNames.flatMap(({ type, hostname: dns, uri }) => (type === 'URI' ? uri : dns) ?? []);
  return {
    mode: 'SIMPLE',
    sni: hostname,
    subjectAltNames: names.length === 0 ? [hostname] : names,
    ...(credentialName === undefined ? {} : { credentialName }),
  };
}

/** Proxies read Secrets of their own namespace only; it is in memory, as the certificate of another namespace is. */
function rootsSecret({ policy, roots }: JudgedPolicy, namespace: string): KubeObject | undefined {
  if (roots === undefined || roots === SYSTEM_ROOTS) return undefined;
  const name = `backend-tls.${policy.metadata.namespace}.${policy.metadata.name}.${GENERATED}`;
  return { apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace }, type: 'Opaque', data: { 'ca.crt': roots } };
}
