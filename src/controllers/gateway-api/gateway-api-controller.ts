// Follows the Gateway API's objects, hands what they mean to the mesh's configuration, deploys gateways and writes statuses. Writes: leader only.
import type { Clock, Logger, Random, Timer } from '#base';
import type { ConfigView } from '#config';
import {
  apiVersionOf,
  Informer,
  keyOf,
  type KubeClient,
  type KubeObject,
  RESOURCES,
  type ResourceType,
  WorkQueue,
} from '#kube';
import { convertGatewayApi, type GatewayApiOutput } from './convert.ts';
import { rulesOf } from './base-rule.ts';
import { deploymentName, deploymentObjects } from './gateway-deployment.ts';
import {
  type BackendTlsPolicy,
  type Condition,
  GATEWAY_CONTROLLER,
  GATEWAY_TYPES,
  type GatewayApiInput,
  type KubernetesGateway,
  type ReferenceGrant,
  type Route,
  type RouteKind,
} from './resources.ts';
import { addressesOf, sameStatus } from './status-values.ts';

export interface GatewayApiControllerOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly view: () => ConfigView;
  readonly revision: string;
  readonly domain: string;
  readonly hasCertificate: (namespace: string, name: string) => boolean;
  /** Takes the place of what was published before. */
  readonly publish: (manifests: readonly KubeObject[]) => void;
}

type CertificateMap = string;
type KindName = keyof typeof GATEWAY_TYPES;
const ROUTES: readonly RouteKind[] = ['HTTPRoute', 'GRPCRoute', 'TLSRoute', 'TCPRoute'];
const SETTLE_MS = 30;
/** The API takes no more in a policy's status. */
const MOST_ANCESTORS = 16;

interface PresentAncestor {
  readonly ancestorRef?: { readonly name?: string; readonly namespace?: string };
  readonly controllerName?: string;
  readonly conditions?: readonly Condition[];
}

/** A key of the queue: make the GatewayClass. */
const OWN_CLASS = 'own-class';
const REVISION = 'istio.io/rev';
const SERVICE_ACCOUNTS: ResourceType = {
  group: '',
  version: 'v1',
  plural: 'serviceaccounts',
  kind: 'ServiceAccount',
  namespaced: true,
};

export class GatewayApiController {
  readonly #options: GatewayApiControllerOptions;
  readonly #informers: ReadonlyMap<KindName, Informer<KubeObject>>;
  /** Services of the gateways: their addresses become the Gateways'. */
  readonly #services: Informer<readonly string[]>;
  /** Followed only where a BackendTLSPolicy names one. */
  #certificates: Informer<CertificateMap> | undefined;
  readonly #queue: WorkQueue;
  #output: GatewayApiOutput = { manifests: [], gateways: [], routes: [], policies: [] };
  #published = '[]';
  #leading = false;
  #timer: Timer | undefined;

  constructor(options: GatewayApiControllerOptions) {
    this.#options = options;
    const { client, clock, random, log } = options;
    const common = { client, clock, random, log: log.scope('gateway-api') };
    const names = Object.keys(GATEWAY_TYPES) as KindName[];
    this.#informers = new Map(
      names.map((kind) => [
        kind,
        new Informer<KubeObject>({
          ...common,
          types: GATEWAY_TYPES[kind],
          prune: (object) => this.#prune(kind, object),
          ...(kind === 'GatewayClass' ? { listed: () => this.#wantClass() } : {}),
        }),
      ]),
    );
    this.#services = new Informer<readonly string[]>({
      ...common,
      types: [RESOURCES.services],
      selectors: { labelSelector: 'gateway.istio.io/managed' },
      prune: addressesOf,
    });
    this.#queue = new WorkQueue({
      ...common,
      name: 'gateway-api',
      perSecond: 50,
      burst: 100,
      parallel: 4,
      work: (key) => this.#write(key),
    });
    for (const informer of this.#informers.values()) informer.onChange(() => this.#touch());
    this.#services.onChange(() => this.#touch());
  }

  async start(): Promise<void> {
    await Promise.all([this.#services.start(), ...[...this.#informers.values()].map((informer) => informer.start())]);
    this.#convert();
  }

  setLeading(leading: boolean): void {
    this.#leading = leading;
    if (!leading) return;
    this.#wantClass();
    this.#enqueue();
  }

  /** Services, Secrets, namespaces or rules of the mesh differ. */
  configChanged(keys: Iterable<string>): void {
    const policies = (this.#informers.get('BackendTLSPolicy')?.objects.size ?? 0) > 0;
    const read = policies ? /^(Service|Secret|Namespace|DestinationRule)\// : /^(Service|Secret|Namespace)\//;
    for (const key of keys) if (read.test(key)) return this.#touch();
  }

  stop(): void {
    this.#timer?.cancel();
    for (const informer of this.#informers.values()) informer.stop();
    this.#services.stop();
    this.#certificates?.stop();
    this.#queue.close();
  }

  #prune(kind: KindName, object: KubeObject): KubeObject | undefined {
    const revision = object.metadata.labels?.[REVISION];
    // As Istio: an unlabelled Gateway is the default revision's.
    if (kind === 'Gateway' && (revision ?? 'default') !== this.#options.revision) return undefined;
    if (kind !== 'Gateway' && revision !== undefined && revision !== this.#options.revision) return undefined;
    const { name, namespace, uid, generation, creationTimestamp, labels, annotations } = object.metadata;
    const metadata = {
      name,
      ...(namespace === undefined ? {} : { namespace }),
      ...(uid === undefined ? {} : { uid }),
      ...(generation === undefined ? {} : { generation }),
      ...(creationTimestamp === undefined ? {} : { creationTimestamp }),
      ...(labels === undefined ? {} : { labels }),
      ...(annotations === undefined ? {} : { annotations }),
    };
    return { kind, metadata, spec: object['spec'], status: object['status'] };
  }

  #touch(): void {
    this.#timer ??= this.#options.clock.setTimer(SETTLE_MS, () => {
      this.#timer = undefined;
      this.#convert();
    });
  }

  #convert(): void {
    this.#output = convertGatewayApi(this.#input());
    const text = JSON.stringify(this.#output.manifests);
    if (text !== this.#published) {
      this.#published = text;
      this.#options.publish(this.#output.manifests);
    }
    this.#enqueue();
  }

  #list<T extends KubeObject>(kind: KindName): readonly T[] {
    return [...(this.#informers.get(kind)?.objects.values() ?? [])] as unknown as readonly T[];
  }

  #input(): GatewayApiInput {
    const { view, domain, hasCertificate } = this.#options;
    const classes = this.#list('GatewayClass').filter(
      (one) => (one['spec'] as { controllerName?: string } | undefined)?.controllerName === GATEWAY_CONTROLLER,
    );
    const backendTlsPolicies = this.#list<BackendTlsPolicy>('BackendTLSPolicy');
    if (backendTlsPolicies.some(({ spec }) => (spec.validation.caCertificateRefs ?? []).length > 0))
      this.#followCertificates();
    return {
      gateways: this.#list<KubernetesGateway>('Gateway'),
      routes: ROUTES.flatMap((kind) => this.#list<Route>(kind)),
      grants: this.#list<ReferenceGrant>('ReferenceGrant'),
      backendTlsPolicies,
      namedPort: (namespace, name, port) =>
        view()
          .get('Service', namespace, name)
          ?.spec.ports?.find((one) => one.name === port)?.port,
      caCertificates: (namespace, name) => this.#certificates?.get(keyOf({ namespace, name })),
      destinationRule: (host, namespaces) => rulesOf(host, namespaces, view().list('DestinationRule')),
      classes: new Set(classes.map(({ metadata }) => metadata.name)),
      namespaceLabels: (namespace) => view().get('Namespace', '', namespace)?.metadata.labels ?? {},
      servicePorts: (namespace, name) =>
        view()
          .get('Service', namespace, name)
          ?.spec.ports?.map(({ port }) => port),
      hasCertificate,
      secretData: (namespace, name) => view().get('Secret', namespace, name)?.spec.data ?? {},
      domain,
    };
  }

  #followCertificates(): void {
    if (this.#certificates !== undefined) return;
    const { client, clock, random, log } = this.#options;
    this.#certificates = new Informer<CertificateMap>({
      ...{ client, clock, random, log: log.scope('gateway-api') },
      types: [RESOURCES.configMaps],
      prune: (object) => (object['data'] as Readonly<Record<string, string>> | undefined)?.['ca.crt'],
    });
    this.#certificates.onChange(() => this.#touch());
    void this.#certificates.start();
  }

  #enqueue(): void {
    if (!this.#leading) return;
    for (const { gateway } of this.#output.gateways) this.#queue.add(`Gateway/${keyOf(gateway.metadata)}`);
    for (const { route } of this.#output.routes) this.#queue.add(`${route.kind}/${keyOf(route.metadata)}`);
    for (const { policy } of this.#output.policies) this.#queue.add(`BackendTLSPolicy/${keyOf(policy.metadata)}`);
    for (const { metadata } of this.#list('GatewayClass')) this.#queue.add(`GatewayClass/${metadata.name}`);
  }

  #wantClass(): void {
    if (this.#leading && this.#informers.get('GatewayClass')?.get('istio') === undefined) this.#queue.add(OWN_CLASS);
  }

  async #write(key: string): Promise<void> {
    if (!this.#leading) return;
    if (key === OWN_CLASS) return this.#makeClass();
    const kind = key.slice(0, key.indexOf('/')) as KindName;
    const object = this.#informers.get(kind)?.get(key.slice(kind.length + 1));
    if (object === undefined) return;
    if (kind === 'GatewayClass') return this.#writeClass(object);
    if (kind === 'Gateway') return this.#writeGateway(object as KubernetesGateway);
    if (kind === 'BackendTLSPolicy') return this.#writePolicy(object as BackendTlsPolicy);
    const found = this.#output.routes.find(({ route }) => route === object);
    if (found === undefined) return;
    const present = ((object['status'] as { parents?: { controllerName?: string }[] } | undefined)?.parents ??
      []) as readonly { readonly controllerName?: string; readonly conditions?: readonly Condition[] }[];
    const others = present.filter((one) => one.controllerName !== GATEWAY_CONTROLLER);
    const mine = present.filter((one) => one.controllerName === GATEWAY_CONTROLLER);
    const parents = found.parents.map((parent, i) => ({
      ...parent,
      conditions: this.#dated(parent.conditions, mine[i]?.conditions ?? []),
    }));
    await this.#setStatus(kind, object, { parents: [...others, ...parents] });
  }

  /** The class that Istio's users name; one of that name which is there already stays as it is. */
  async #makeClass(): Promise<void> {
    const made = await this.#options.client.create(GATEWAY_TYPES.GatewayClass[0], {
      apiVersion: apiVersionOf(GATEWAY_TYPES.GatewayClass[0]),
      kind: 'GatewayClass',
      metadata: { name: 'istio' },
      spec: { controllerName: GATEWAY_CONTROLLER, description: 'Gateways of this mesh, deployed by it' },
    });
    // Where the Gateway API's kinds are not installed there is nothing to do.
    if (!made.ok && !['kube_exists', 'kube_not_found'].includes(made.error.code)) throw made.error;
  }

  async #writeClass(object: KubeObject): Promise<void> {
    if ((object['spec'] as { controllerName?: string } | undefined)?.controllerName !== GATEWAY_CONTROLLER) return;
    const present = (object['status'] as { conditions?: Condition[] } | undefined)?.conditions ?? [];
    const accepted: Condition = {
      type: 'Accepted',
      status: 'True',
      reason: 'Accepted',
      message: 'Handled by Topsail',
      observedGeneration: object.metadata.generation ?? 0,
    };
    await this.#setStatus('GatewayClass', object, { conditions: this.#dated([accepted], present) });
  }

  async #writeGateway(gateway: KubernetesGateway): Promise<void> {
    const found = this.#output.gateways.find((one) => one.gateway === gateway);
    if (found === undefined) return;
    await this.#deploy(gateway);
    const addresses =
      this.#services.get(keyOf({ namespace: gateway.metadata.namespace, name: deploymentName(gateway) })) ?? [];
    const observedGeneration = gateway.metadata.generation ?? 0;
    const programmed: Condition =
      addresses.length > 0
        ? { type: 'Programmed', status: 'True', reason: 'Programmed', message: '', observedGeneration }
        : {
            type: 'Programmed',
            status: 'False',
            reason: 'AddressNotAssigned',
            message: 'the Service has no address yet',
            observedGeneration,
          };
    const present = (gateway['status'] ?? {}) as {
      conditions?: Condition[];
      listeners?: { name: string; conditions?: Condition[] }[];
    };
    await this.#setStatus('Gateway', gateway, {
      addresses: addresses.map((value) => ({
        type: /[a-z]/i.test(value) && !value.includes(':') ? 'Hostname' : 'IPAddress',
        value,
      })),
      conditions: this.#dated([...found.conditions, programmed], present.conditions ?? []),
      listeners: found.listeners.map((listener) => ({
        ...listener,
        conditions: this.#dated(
          listener.conditions,
          present.listeners?.find((one) => one.name === listener.name)?.conditions ?? [],
        ),
      })),
    });
  }

  async #writePolicy(policy: BackendTlsPolicy): Promise<void> {
    const found = this.#output.policies.find((one) => one.policy === policy);
    if (found === undefined) return;
    const present = ((policy['status'] as { ancestors?: readonly PresentAncestor[] } | undefined)?.ancestors ??
      []) as readonly PresentAncestor[];
    const ancestors = found.ancestors.map((ancestor) => ({
      ...ancestor,
      conditions: this.#dated(
        ancestor.conditions,
        present.find(
          ({ ancestorRef, controllerName }) =>
            controllerName === GATEWAY_CONTROLLER &&
            ancestorRef?.name === ancestor.ancestorRef.name &&
            ancestorRef.namespace === ancestor.ancestorRef.namespace,
        )?.conditions ?? [],
      ),
    }));
    const others = present.filter((one) => one.controllerName !== GATEWAY_CONTROLLER);
    const all = [...others, ...ancestors].slice(0, MOST_ANCESTORS);
    if (all.length > 0 || present.length > 0) await this.#setStatus('BackendTLSPolicy', policy, { ancestors: all });
  }

  async #deploy(gateway: KubernetesGateway): Promise<void> {
    const { client, revision, log } = this.#options;
    const { account, deployment, service } = deploymentObjects(gateway, revision);
    for (const [type, object] of [
      [SERVICE_ACCOUNTS, account],
      [RESOURCES.deployments, deployment],
      [RESOURCES.services, service],
    ] as const) {
      const applied = await client.apply(type, object);
      if (applied.ok) continue;
      // Somebody's own object of that name is not taken over.
      if (applied.error.code !== 'kube_conflict') throw applied.error;
      log.warn('an object of a Gateway belongs to another manager and is left alone', {
        kind: type.kind,
        name: object.metadata.name,
      });
    }
  }

  #dated(
    conditions: readonly Condition[],
    present: readonly Condition[],
  ): readonly (Condition & { readonly lastTransitionTime: string })[] {
    const now = new Date(this.#options.clock.wallTime()).toISOString().replace(/\.\d+Z$/, 'Z');
    return conditions.map((one) => {
      const former = present.find((other) => other.type === one.type) as
        | (Condition & { lastTransitionTime?: string })
        | undefined;
      return {
        ...one,
        lastTransitionTime:
          former?.status === one.status && former.lastTransitionTime !== undefined ? former.lastTransitionTime : now,
      };
    });
  }

  async #setStatus(kind: KindName, object: KubeObject, status: object): Promise<void> {
    if (sameStatus(object['status'], status)) return;
    const type = this.#informers.get(kind)?.reflector.type ?? GATEWAY_TYPES[kind][0];
    const { name, namespace } = object.metadata;
    const applied = await this.#options.client.mergePatch(
      type,
      { name, ...(namespace === undefined ? {} : { namespace }), subresource: 'status' },
      { apiVersion: apiVersionOf(type), kind, status },
    );
    if (!applied.ok && applied.error.code !== 'kube_not_found') throw applied.error;
  }
}
