// The real control plane without its process: texts -> configuration -> registry -> snapshot -> translation -> xDS, for a
// few proxies, with every scenario's configuration in the place of the one before.
import { type ObjectRef, type ProxyNode, silentLogger, type XdsResource } from '#base';
import { type ConfigObject, type ConfigView, parseText, viewOf } from '#config';
import { SystemClock } from '#io';
import { buildSnapshot, type PluginModules, type SettledPlugins, type Snapshot } from '#push';
import { Registry } from '#registry';
import { type Authorization, type Rejection, type SnapshotChange, type XdsBackend, XdsServer } from '#xds';
import { DiscoveryKeySets } from '../../../src/main/discovery-key-sets.ts';
import { discoveryPlugins } from '../../../src/main/discovery-plugins.ts';
import { makeTranslation } from '../../../src/main/discovery-translate.ts';

const DOMAIN = 'cluster.local';

export interface Applied {
  readonly snapshot: number;
  readonly complaints: readonly string[];
}

export class ControlPlane implements XdsBackend {
  readonly xds: XdsServer;
  readonly rejections: Rejection[] = [];
  readonly #translation = makeTranslation();
  readonly #watchers = new Set<(change: SnapshotChange) => void>();
  readonly #principals: (node: ProxyNode) => string;
  #snapshot: Snapshot | undefined;
  #number = 0;
  /** Modules that WasmPlugins name by address; fetched only when a test wants it. */
  #modules: PluginModules | undefined;
  #plugins: SettledPlugins = new Map();
  #config: ConfigView = viewOf([]);
  #keySets: ReadonlyMap<string, string> = new Map();
  readonly #issuers = new DiscoveryKeySets({
    clock: new SystemClock(),
    log: silentLogger,
    allow: ['private'],
    pusher: {
      keySetsChanged: (keySets) => {
        this.#keySets = keySets;
        this.#build();
      },
    },
  });

  constructor(principals: (node: ProxyNode) => string) {
    this.#principals = principals;
    this.xds = new XdsServer({ backend: this, clock: new SystemClock(), log: silentLogger });
  }

  /** All of the configuration; what it says nothing of is gone. */
  apply(texts: readonly string[]): Applied {
    const objects: ConfigObject[] = [];
    const complaints: string[] = [];
    texts.forEach((text, i) => {
      for (const document of parseText(`text-${i}.yaml`, text, { defaultNamespace: 'default', createdMs: 1 + i })) {
        if (document.object !== undefined) objects.push(document.object);
        for (const one of document.complaints) complaints.push(`${one.code} ${one.object} ${one.path}: ${one.message}`);
      }
    });
    this.#config = viewOf(objects);
    this.#modules?.configChanged(this.#config);
    this.#issuers.configChanged(this.#config);
    return { snapshot: this.#build(), complaints };
  }

  /** From here on modules are fetched, with these options of the control plane's command, and kept in `folder`. */
  fetchModules(options: Readonly<Record<string, unknown>>, folder: string): void {
    this.#modules = discoveryPlugins({
      clock: new SystemClock(),
      log: silentLogger,
      folder,
      options,
      pusher: {
        pluginsChanged: (plugins) => {
          this.#plugins = plugins;
          this.#build();
        },
      },
    });
  }

  /** What the status of objects says. */
  conditions(): readonly string[] {
    return this.#snapshot?.conditions.map(({ code, object, message }) => `${code} ${object}: ${message}`) ?? [];
  }

  #build(): number {
    const config = this.#config;
    const registry = new Registry({ domain: DOMAIN, cluster: 'Kubernetes' });
    const built = buildSnapshot({
      config,
      registry: registry.rebuild(config).view,
      domain: DOMAIN,
      former: undefined,
      plugins: this.#plugins,
      keySets: this.#keySets,
    });
    const number = ++this.#number;
    this.#snapshot = Object.freeze({ ...built, number, configNumber: number });
    for (const watcher of [...this.#watchers]) watcher({ kind: 'full', snapshot: number });
    return number;
  }

  /** Every one of these proxies acknowledged the newest snapshot, or rejected some of it. */
  async settled(count: number, timeoutMs = 90_000): Promise<void> {
    const end = performance.now() + timeoutMs;
    for (;;) {
      const all = this.xds.status();
      if (all.length >= count && all.every((one) => one.watermark >= this.#number || one.rejects.length > 0)) return;
      if (performance.now() > end)
        throw new Error(
          `not acknowledged within ${timeoutMs} ms: ${all.map((one) => `${one.node.id} is at ${one.watermark} of ${this.#number} ${one.lagging}`).join('; ')}`,
        );
      await new Promise((resolve) => setTimeout(resolve, 3));
    }
  }

  async authorize(node: ProxyNode): Promise<Authorization> {
    return { ok: true, principal: this.#principals(node) };
  }

  snapshot(): number {
    return this.#number;
  }

  resources(node: ProxyNode) {
    const snapshot = this.#snapshot;
    return snapshot === undefined
      ? { snapshot: 0, resources: new Map() }
      : { snapshot: snapshot.number, resources: this.#translation.translate(snapshot, node) };
  }

  endpoints(node: ProxyNode): ReadonlyMap<string, XdsResource> {
    return this.#snapshot === undefined ? new Map() : this.#translation.translateEndpoints(this.#snapshot, node);
  }

  subscribe(changed: (change: SnapshotChange) => void): () => void {
    this.#watchers.add(changed);
    return () => void this.#watchers.delete(changed);
  }

  rejected(rejection: Rejection): void {
    this.rejections.push(rejection);
  }

  /** Objects that what is rejected now came from. */
  blamed(): readonly { readonly object: ObjectRef; readonly detail: string }[] {
    return this.xds
      .status()
      .flatMap((one) => one.rejects.flatMap(({ origins, detail }) => origins.map((object) => ({ object, detail }))));
  }

  close(): void {
    this.#modules?.close();
    this.#issuers.close();
    this.xds.close();
  }
}
