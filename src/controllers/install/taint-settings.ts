// Whether the control plane takes the CNI plugin's taint from nodes: Istio has a value and a variable for it.
import { UNTAINT_VARIABLE } from '../node-untaint.ts';
import type { SettingsReader } from './tree-reader.ts';

/** Nodes are given to pods once the CNI plugin's agent is ready there. */
export interface TaintSettings {
  readonly enabled: string;
  /** By the value, or by Istio's variable. */
  readonly access: boolean;
  /** Of the agent. */
  readonly namespace: string;
}

/** Istio has a value and a variable for it: either will do. */
export function readTaint(read: SettingsReader, namespace: string): TaintSettings {
  const at = 'values.pilot.taint';
  return {
    enabled: read.text(`${at}.enabled`) || 'false',
    access: read.flag(`${at}.enabled`, false) || read.flag(`values.pilot.env.${UNTAINT_VARIABLE}`, false),
    namespace: read.text(`${at}.namespace`) || namespace,
  };
}
