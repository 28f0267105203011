// Configuration of a mesh in a cluster: the API server into the same store as files are, writes by server-side apply.
import { dump } from 'js-yaml';
import type { AppliedJson, ApplyAnswer, ApplyAsk, DeletedJson, FindingJson, ObjectId } from '#api';
import type { Clock, Logger, Random } from '#base';
import {
  type Complaint,
  ConfigStore,
  type KindInfo,
  KINDS,
  type KindName,
  KubeSource,
  manifestOf,
  objectKey,
  type ParsedDocument,
  parseText,
} from '#config';
import type { KubeClient, KubeObject, ResourceType } from '#kube';
import type { PodChange } from '#registry';
import type { ConfigWriter } from './config-writer.ts';
import type { OpenedConfig } from './discovery-config.ts';
import { KubePods } from './discovery-kube-pods.ts';

export interface KubeConfigOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly rootNamespace: string;
  readonly revision: string;
  readonly cluster: string;
  readonly podsChanged: (changes: readonly PodChange[]) => void;
}

export interface KubeConfig extends OpenedConfig {
  readonly pods: KubePods;
  readonly source: KubeSource;
  readonly store: ConfigStore;
}

export async function openKubeConfig(options: KubeConfigOptions): Promise<KubeConfig> {
  const { client, clock, random, log, rootNamespace, revision, cluster } = options;
  const store = new ConfigStore();
  const pods = new KubePods({ client, clock, random, log, cluster, changed: options.podsChanged });
  await pods.start();
  const source = new KubeSource({
    client,
    clock,
    random,
    log,
    store,
    rootNamespace,
    revision: revision === 'default' ? '' : revision,
    meshConfigMap: meshConfigMapOf(revision),
  });
  await source.start();
  return {
    pods,
    source,
    store,
    writer: new KubeWriter(client, store),
    subscribe: (subscriber) => void store.follow(subscriber),
    view: () => store.view,
    generation: () => store.view.generation,
    texts: { textOf: (key) => textOf(store, key) },
    close: () => {
      source.stop();
      pods.stop();
    },
  };
}

/** Istio's name of the ConfigMap with the mesh's settings. */
export function meshConfigMapOf(revision: string): string {
  return revision === 'default' ? 'istio' : `istio-${revision}`;
}

/** The API server keeps no comments: what is shown is what it holds. */
function textOf(store: ConfigStore, key: string): string | undefined {
  const [kind = '', namespace = '', name = ''] = key.split('/');
  const object = store.view.get(kind as KindName, namespace, name);
  return object === undefined || kind === 'Secret' ? undefined : dump(manifestOf(object));
}

class KubeWriter implements ConfigWriter {
  readonly #client: KubeClient;
  readonly #store: ConfigStore;

  constructor(client: KubeClient, store: ConfigStore) {
    this.#client = client;
    this.#store = store;
  }

  async apply(ask: ApplyAsk): Promise<ApplyAnswer> {
    const applied: AppliedJson[] = [];
    const findings: FindingJson[] = [];
    for (const document of parse(ask)) {
      const id = idOf(document);
      if (id === undefined) findings.push(...document.complaints);
      else applied.push(await this.#applyOne(document, id));
    }
    return { applied, findings, generation: this.#store.view.generation };
  }

  async remove(ids: readonly ObjectId[]): Promise<readonly DeletedJson[]> {
    const deleted: DeletedJson[] = [];
    for (const id of ids) {
      const type = typeOf(id.kind);
      if (type === undefined) {
        deleted.push({ ...id, group: '', found: false });
        continue;
      }
      const result = await this.#client.delete(type, {
        name: id.name,
        ...(type.namespaced ? { namespace: id.namespace } : {}),
      });
      const found = result.ok || result.error.code !== 'kube_not_found';
      deleted.push({
        ...id,
        group: type.group,
        found,
        ...(result.ok || !found ? {} : { error: result.error.message }),
      });
    }
    return deleted;
  }

  identify(ask: ApplyAsk): readonly ObjectId[] {
    return parse(ask).flatMap((document) => idOf(document) ?? []);
  }

  async #applyOne(document: ParsedDocument, id: ObjectId): Promise<AppliedJson> {
    const type = typeOf(id.kind);
    const head = { ...id, group: type?.group ?? '' };
    if (document.object === undefined || type === undefined)
      return { ...head, action: 'refused', findings: document.complaints };
    const former = this.#store.view.get(id.kind as KindName, id.namespace, id.name);
    const applied = await this.#client.apply(type, manifestOf(document.object) as unknown as KubeObject, {
      force: true,
    });
    if (applied.ok)
      return { ...head, action: former === undefined ? 'created' : 'configured', findings: document.complaints };
    return {
      ...head,
      action: 'refused',
      findings: [...document.complaints, refusal(document, id, applied.error.message, applied.error.remedy)],
    };
  }
}

function parse(ask: ApplyAsk): ParsedDocument[] {
  return ask.texts.flatMap(({ file, text }) => parseText(file, text, { defaultNamespace: ask.namespace }));
}

function idOf({ kind, namespace, name }: ParsedDocument): ObjectId | undefined {
  return kind === undefined || namespace === undefined || name === undefined ? undefined : { kind, namespace, name };
}

function typeOf(kind: string): ResourceType | undefined {
  const info: KindInfo | undefined = KINDS[kind as KindName];
  if (info === undefined || info.origin === 'file') return undefined;
  return {
    group: info.group,
    version: info.versions[0] as string,
    plural: info.plural,
    kind: info.manifest,
    namespaced: info.namespaced,
  };
}

function refusal(document: ParsedDocument, id: ObjectId, reason: string, remedy: string): Complaint {
  return {
    code: 'TS-CFG-0504',
    severity: 'error',
    file: '',
    line: document.line,
    column: 1,
    object: objectKey(id.kind, id.namespace, id.name).replace('/', ' '),
    path: '',
    message: `It was not written: ${reason}.`,
    remedy,
    page: '',
  };
}
