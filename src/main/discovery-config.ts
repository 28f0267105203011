// Configuration of a standalone mesh: a watched folder into the store, with writes that keep their owners' text.
import { join } from 'node:path';
import type { AppliedJson, ApplyAnswer, ApplyAsk, ConfigTexts, DeletedJson, FindingJson, ObjectId } from '#api';
import type { Clock, Fs, Logger } from '#base';
import {
  type ConfigSubscriber,
  ConfigStore,
  type ConfigView,
  FolderSource,
  KINDS,
  type KindName,
  LastGoodFolder,
  objectKey,
  type ParsedDocument,
  parseText,
} from '#config';
import type { ConfigWriter } from './config-writer.ts';

export interface OpenConfigOptions {
  readonly folder: string;
  readonly stateFolder: string;
  readonly fs: Fs;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface OpenedConfig {
  readonly writer: ConfigWriter;
  /** Calls with the present view at once, then with each new one. */
  subscribe(subscriber: ConfigSubscriber): void;
  view(): ConfigView;
  generation(): number;
  readonly texts: ConfigTexts;
  close(): void;
}

export async function openConfig(options: OpenConfigOptions): Promise<OpenedConfig> {
  const { fs, clock, log } = options;
  const sink = new LastGoodFolder(fs, join(options.stateFolder, 'last-good'), log.scope('config'));
  const store = new ConfigStore({ lastGood: await sink.load(), sink });
  const source = new FolderSource({ fs, clock, log: log.scope('config'), folder: options.folder, store });
  await source.start();
  return {
    writer: new FolderWriter(store, source),
    subscribe: (subscriber) => void store.follow(subscriber),
    view: () => store.view,
    generation: () => store.view.generation,
    texts: { textOf: (key) => store.documentsOf(key)[0]?.document?.text },
    close: () => source.stop(),
  };
}

class FolderWriter implements ConfigWriter {
  readonly #store: ConfigStore;
  readonly #source: FolderSource;
  /** Writes follow one another: two of them may concern one file. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(store: ConfigStore, source: FolderSource) {
    this.#store = store;
    this.#source = source;
  }

  apply(ask: ApplyAsk): Promise<ApplyAnswer> {
    return this.#inTurn(async () => {
      const applied: AppliedJson[] = [];
      const findings: FindingJson[] = [];
      for (const document of parse(ask)) {
        const id = idOf(document);
        if (id === undefined) findings.push(...document.complaints);
        else applied.push(await this.#applyOne(document, id));
      }
      return { applied, findings, generation: this.#store.view.generation };
    });
  }

  remove(ids: readonly ObjectId[]): Promise<readonly DeletedJson[]> {
    return this.#inTurn(async () => {
      const deleted: DeletedJson[] = [];
      for (const given of ids) {
        const id = KINDS[given.kind as KindName]?.namespaced === false ? { ...given, namespace: '' } : given;
        const result = await this.#source.remove(objectKey(id.kind, id.namespace, id.name));
        const found = result.outcome !== 'notFound';
        deleted.push({
          ...id,
          group: groupOf(id.kind),
          found,
          ...(result.outcome === 'refused' ? { error: result.reason, finding: result.complaint } : {}),
        });
      }
      return deleted;
    });
  }

  identify(ask: ApplyAsk): readonly ObjectId[] {
    return parse(ask).flatMap((document) => idOf(document) ?? []);
  }

  async #applyOne(document: ParsedDocument, id: ObjectId): Promise<AppliedJson> {
    const head = { ...id, group: groupOf(id.kind) };
    if (document.object === undefined) return { ...head, action: 'refused', findings: document.complaints };
    const result = await this.#source.write(document);
    if (result.outcome !== 'refused') return { ...head, action: result.outcome, findings: document.complaints };
    return { ...head, action: 'refused', findings: [...document.complaints, result.complaint] };
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const next = this.#last.then(work);
    this.#last = next.catch(() => undefined);
    return next;
  }
}

function parse(ask: ApplyAsk): ParsedDocument[] {
  return ask.texts
    .flatMap(({ file, text }) => parseText(file, text, { defaultNamespace: ask.namespace }))
    .filter((one) => !isDerived(one));
}

/** The mesh's settings inside the ConfigMap `istio` are read as objects of their own; what is written is the ConfigMap. */
function isDerived(document: ParsedDocument): boolean {
  const written = (document.value as { kind?: unknown } | undefined)?.kind;
  return written === 'ConfigMap' && document.kind !== undefined && document.kind !== 'ConfigMap';
}

function idOf(document: ParsedDocument): ObjectId | undefined {
  const { kind, namespace, name } = document;
  return kind === undefined || namespace === undefined || name === undefined ? undefined : { kind, namespace, name };
}

function groupOf(kind: string): string {
  return KINDS[kind as KindName]?.group ?? '';
}
