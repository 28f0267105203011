// Which place of which object caused a part of a proxy's configuration, as one text beside that part.

import type { ObjectRef } from './resource.ts';

/** Where routes carry it, in their metadata. */
export const ROUTE_CAUSE = { namespace: 'topsail', key: 'cause' } as const;

export interface Cause {
  readonly object: ObjectRef;
  /** As complaints write it: `spec.http[2]`. */
  readonly path: string;
}

/** `VirtualService/default/reviews spec.http[2]` */
export function causeText({ kind, namespace, name }: ObjectRef, path: string): string {
  return `${kind}/${namespace}/${name} ${path}`;
}

/** Undefined when it is none. */
export function readCause(text: string): Cause | undefined {
  const found = /^([A-Za-z]+)\/([^/ ]*)\/([^/ ]+) (\S+)$/.exec(text);
  if (found === null) return undefined;
  const [, kind = '', namespace = '', name = '', path = ''] = found;
  return { object: { kind, namespace, name }, path };
}
