// Waits until every proxy concerned has acknowledged some objects, or a deadline; a rejection ends the wait at once.
import type { Clock } from '#base';
import type { Mesh } from './mesh.ts';
import type { ObjectId, ProgrammedJson } from './api-json.ts';

const NOTHING: ProgrammedJson = { acknowledged: 0, concerned: 0, lagging: [], rejected: [] };

export function waitProgrammed(
  mesh: Pick<Mesh, 'programmed' | 'onProgress'>,
  clock: Clock,
  wanted: { readonly ids: readonly ObjectId[]; readonly generation: number; readonly timeoutMs: number },
): Promise<ProgrammedJson> {
  return new Promise((resolve) => {
    let latest: ProgrammedJson | undefined;
    let over = false;
    const finish = (answer: ProgrammedJson): void => {
      if (over) return;
      over = true;
      deadline.cancel();
      stop();
      resolve(answer);
    };
    const look = (): void => {
      if (over) return;
      latest = mesh.programmed(wanted.ids, wanted.generation);
      if (latest === undefined) return;
      if (latest.acknowledged === latest.concerned || latest.rejected.length > 0) finish(latest);
    };
    const deadline = clock.setTimer(wanted.timeoutMs, () => finish(latest ?? NOTHING));
    const stop = mesh.onProgress(look);
    look();
  });
}
