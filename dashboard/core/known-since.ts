// How far back numbers reach: what the mesh keeps by itself begins with its control plane.
import { clockText } from './format.ts';

/**
 * "since 10:42:07 (the control plane was started)" where a window begins before the control plane did, so that its
 * numbers are not of the whole of it; undefined where they are.
 */
export function knownSince(windowSeconds: number, startedMs: number, nowMs: number): string | undefined {
  return nowMs - windowSeconds * 1000 < startedMs
    ? `since ${clockText(startedMs)} (the control plane was started)`
    : undefined;
}
