// What the API needs of the configuration store: apply and delete by text or name.
import type { ApplyAnswer, ApplyAsk, DeletedJson, ObjectId } from '#api';

export interface ConfigWriter {
  apply(ask: ApplyAsk): Promise<ApplyAnswer>;
  remove(ids: readonly ObjectId[]): Promise<readonly DeletedJson[]>;
  identify(ask: ApplyAsk): readonly ObjectId[];
}
