// What the API asks of the control plane. `main` implements it over configuration, registry, push, xDS and telemetry.
import type {
  ApplyAnswer,
  ApplyAsk,
  DeletedJson,
  EdgeJson,
  ObjectId,
  ObjectJson,
  ProgrammedJson,
  ProxyJson,
  StatusJson,
} from './api-json.ts';

export interface ObjectFilter {
  readonly kind: string | undefined;
  readonly namespace: string | undefined;
  readonly name: string | undefined;
}

export interface Mesh {
  apply(ask: ApplyAsk): Promise<ApplyAnswer>;
  remove(ids: readonly ObjectId[]): Promise<readonly DeletedJson[]>;
  /** Which objects a manifest names, whether or not it is valid. */
  identify(ask: ApplyAsk): readonly ObjectId[];
  objects(filter: ObjectFilter): Promise<readonly ObjectJson[]>;
  /** Undefined while the configuration's generation is not in a snapshot yet. */
  programmed(ids: readonly ObjectId[], generation: number): ProgrammedJson | undefined;
  /** Calls `changed` whenever `programmed` may answer otherwise. */
  onProgress(changed: () => void): () => void;
  status(): Promise<StatusJson>;
  proxies(): readonly ProxyJson[];
  /** Resources by part (listeners, routes, …) as protobuf JSON, and `causes` (ConfigCauseJson); undefined when no such proxy is connected. */
  proxyConfig(name: string): Promise<Readonly<Record<string, readonly unknown[]>> | undefined>;
  edges(): readonly EdgeJson[];
}
