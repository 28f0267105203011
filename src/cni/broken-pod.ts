// Which pods started before the plugin was in place: their check of the redirection failed (Istio's repair controller).
import { CAPTURE_ANNOTATION, CAPTURE_MISSING_STATUS, VALIDATION_CONTAINER } from '#base';

export interface PodState {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  /** How often its check has failed already: each failure is a reason of its own to act. */
  readonly failures: number;
}

interface Ended {
  readonly terminated?: { readonly exitCode?: number };
}

interface PodObject {
  readonly metadata: {
    readonly namespace?: string;
    readonly name: string;
    readonly uid?: string;
    readonly deletionTimestamp?: string;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly [field: string]: unknown;
}

/** Undefined for a pod that needs nothing. */
export function brokenPod(pod: PodObject): PodState | undefined {
  const { namespace = '', name, uid = '', annotations, deletionTimestamp } = pod.metadata;
  if (annotations?.[CAPTURE_ANNOTATION] === undefined || deletionTimestamp !== undefined) return undefined;
  const status = (pod['status'] ?? {}) as {
    readonly phase?: string;
    readonly initContainerStatuses?: readonly {
      readonly name: string;
      readonly restartCount?: number;
      readonly state?: Ended;
      readonly lastState?: Ended;
    }[];
  };
  if (status.phase === 'Succeeded') return undefined;
  const check = status.initContainerStatuses?.find((one) => one.name === VALIDATION_CONTAINER);
  // While it waits for its next start, the last one tells; a start that went well is over with 0.
  const ended = check?.state?.terminated ?? check?.lastState?.terminated;
  if (ended?.exitCode !== CAPTURE_MISSING_STATUS) return undefined;
  return { namespace, name, uid, failures: (check?.restartCount ?? 0) + 1 };
}

/** Whether a process belongs to a pod, by its cgroups (cgroupfs has the uid as it is, systemd with underscores). */
export function isOfPod(cgroups: string, uid: string): boolean {
  return cgroups.includes(`pod${uid}`) || cgroups.includes(`pod${uid.replaceAll('-', '_')}`);
}
