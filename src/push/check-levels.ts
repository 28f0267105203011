// Of kinds of which one object per mesh, namespace and workload counts: the younger ones for the same workloads say that they do not.

import { sortedEntries } from '#base';
import type { ConfigView } from '#config';
import { type Condition, condition, type MessageLimits, selectsWorkloads } from '#registry';

const KINDS = ['MessageLimits'] as const;

export function checkLevels(config: ConfigView): readonly Condition[] {
  return KINDS.flatMap((kind) => {
    const first = new Map<string, MessageLimits>();
    return config.list(kind).flatMap((object) => {
      const { namespace } = object.metadata;
      const chosen = `${namespace} ${chosenBy(object)}`;
      const winner = first.get(chosen);
      if (winner === undefined) {
        first.set(chosen, object);
        return [];
      }
      return [condition('TS-REG-023', object, { path: 'spec', kind, winner: `${namespace}/${winner.metadata.name}` })];
    });
  });
}

function chosenBy({ spec }: MessageLimits): string {
  if (!selectsWorkloads(spec)) return '';
  return JSON.stringify([sortedEntries(spec.selector?.matchLabels ?? {}), spec.targetRef, spec.targetRefs]);
}
