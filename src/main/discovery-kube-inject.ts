// Injection as the control plane serves it: the two ConfigMaps that say how, kept up to date, and the webhook's routes.
import { CORE_SCHEMA, load } from 'js-yaml';
import { type Clock, type HttpRoute, jsonAnswer, type Logger, type Random } from '#base';
import { type InjectorConfig, isTree, reviewInjection, type Tree } from '#controllers';
import { Informer, type KubeClient, RESOURCES } from '#kube';

export interface InjectionOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly namespace: string;
  readonly revision: string;
}

type Data = Readonly<Record<string, string>>;

export class Injection {
  readonly #maps: Informer<Data>;
  readonly #log: Logger;
  readonly #namespace: string;
  readonly #names: { readonly mesh: string; readonly injector: string };
  #config: InjectorConfig | undefined;
  #mesh: Tree = {};

  constructor({ client, clock, random, log, namespace, revision }: InjectionOptions) {
    const suffix = revision === 'default' ? '' : `-${revision}`;
    this.#names = { mesh: `istio${suffix}`, injector: `istio-sidecar-injector${suffix}` };
    this.#namespace = namespace;
    this.#log = log.scope('injection');
    const wanted = new Set<string>(Object.values(this.#names));
    this.#maps = new Informer<Data>({
      client,
      clock,
      random,
      log: this.#log,
      types: [RESOURCES.configMaps],
      selectors: { namespace },
      prune: ({ metadata, ...object }) =>
        wanted.has(metadata.name) ? ((object as { data?: Data }).data ?? {}) : undefined,
    });
    this.#maps.onChange(() => this.#read());
  }

  async start(): Promise<void> {
    await this.#maps.start();
    this.#read();
  }

  stop(): void {
    this.#maps.stop();
  }

  /** Istio appends settings of the cluster to the path. */
  get routes(): readonly HttpRoute[] {
    const answer: HttpRoute['answer'] = ({ body }) => {
      // Without settings nothing is let in unprotected: the API server takes a failure as a refusal.
      if (this.#config === undefined)
        return jsonAnswer(
          {
            error: `ConfigMap ${this.#namespace}/${this.#names.injector} is missing or unreadable: run "topsail install" again`,
          },
          503,
        );
      const review = reviewInjection(JSON.parse(body), { config: this.#config, mesh: this.#mesh });
      if (!review.response.allowed) this.#log.warn('a pod was refused', { why: review.response.status?.message ?? '' });
      return jsonAnswer(review);
    };
    return ['/inject', '/inject/:a/:b', '/inject/:a/:b/:c/:d'].map((path) => ({ method: 'POST', path, answer }));
  }

  /** What cannot be read leaves what was read before in force. */
  #read(): void {
    const data = (name: string): Data => this.#maps.get(`${this.#namespace}/${name}`) ?? {};
    const config = this.#parse(this.#names.injector, data(this.#names.injector)['config']);
    if (config !== undefined) this.#config = config as unknown as InjectorConfig;
    const mesh = this.#parse(this.#names.mesh, data(this.#names.mesh)['mesh']);
    if (mesh !== undefined) this.#mesh = mesh;
  }

  #parse(name: string, text: string | undefined): Tree | undefined {
    if (text === undefined) return undefined;
    try {
      const value = load(text, { schema: CORE_SCHEMA });
      if (isTree(value)) return value;
      this.#log.error('a ConfigMap cannot be used', { name, error: 'expected a mapping' });
    } catch (error) {
      this.#log.error('a ConfigMap cannot be used', { name, error: (error as Error).message });
    }
    return undefined;
  }
}
