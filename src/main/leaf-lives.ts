// How long the certificates of workloads live, by istiod's own environment variables.
import process from 'node:process';
import { parseDuration } from '#config/model';
import type { LeafLives } from './discovery-identity.ts';

/** istiod's variables: the life of a workload's certificate when none is asked for, and the longest. */
export function leafLives(): LeafLives {
  const usual = durationIn('DEFAULT_WORKLOAD_CERT_TTL');
  const longest = durationIn('MAX_WORKLOAD_CERT_TTL');
  return {
    ...(usual === undefined ? {} : { leafTtlMs: usual }),
    ...(longest === undefined ? {} : { leafTtlMaxMs: longest }),
  };
}

function durationIn(name: string): number | undefined {
  const text = process.env[name];
  if (text === undefined || text === '') return undefined;
  const ms = parseDuration(text);
  if (ms === undefined || ms <= 0) throw new Error(`${name} is "${text}", which is no duration: write 24h or 30m.`);
  return ms;
}
