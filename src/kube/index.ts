// A thin Kubernetes client: calls, copies of kinds, work queues, leases; over a transport that it is given.

export * from './errors.ts';
export * from './limits.ts';
export * from './transport.ts';
export * from './object.ts';
export * from './client.ts';
export * from './reflector.ts';
export * from './informer.ts';
export * from './work-queue.ts';
export * from './leader-election.ts';
export * from './kubeconfig.ts';
