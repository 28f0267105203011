// The workload behind a pod, as telemetry and logs name it: Deployments behind ReplicaSets, CronJobs behind Jobs.
import type { Pod } from '../kube/pod.ts';

export interface WorkloadName {
  readonly name: string;
  /** `kubernetes://apis/VERSION/namespaces/NS/PLURAL/NAME`. */
  readonly owner: string;
}

const PATHS: Readonly<Record<string, string>> = {
  Deployment: 'apps/v1/namespaces/$/deployments',
  ReplicaSet: 'apps/v1/namespaces/$/replicasets',
  StatefulSet: 'apps/v1/namespaces/$/statefulsets',
  DaemonSet: 'apps/v1/namespaces/$/daemonsets',
  Job: 'batch/v1/namespaces/$/jobs',
  CronJob: 'batch/v1/namespaces/$/cronjobs',
  ReplicationController: 'v1/namespaces/$/replicationcontrollers',
  Pod: 'v1/namespaces/$/pods',
};

export function workloadOf(pod: Pod, namespace: string): WorkloadName {
  const controller = pod.metadata.ownerReferences?.find((one) => one.controller === true);
  const own = pod.metadata.name ?? pod.metadata.generateName?.replace(/-$/, '') ?? '';
  if (controller === undefined) return named('Pod', own, namespace);
  const hash = pod.metadata.labels?.['pod-template-hash'];
  if (controller.kind === 'ReplicaSet' && hash !== undefined && controller.name.endsWith(`-${hash}`))
    return named('Deployment', controller.name.slice(0, -hash.length - 1), namespace);
  const cron = /^(.+)-\d{8,10}$/.exec(controller.name);
  if (controller.kind === 'Job' && cron !== null) return named('CronJob', cron[1] as string, namespace);
  return named(controller.kind, controller.name, namespace);
}

function named(kind: string, name: string, namespace: string): WorkloadName {
  const path = PATHS[kind];
  return { name, owner: path === undefined ? '' : `kubernetes://apis/${path.replace('$', namespace)}/${name}` };
}
