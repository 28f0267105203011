// Installing Topsail into a cluster: settings, objects, applying and removing them.
export * from './apply.ts';
export { type CniAgentConfig, CNI_METRICS_PORT, CNI_MOUNTS, CNI_READY_PORT, CNI_RUN_FOLDER } from './cni-objects.ts';
export * from './image-check.ts';
export * from './manifest.ts';
export * from './naming.ts';
export * from './object-plan.ts';
export * from './profiles.ts';
export * from './set-flag.ts';
export * from './settings.ts';
export * from './tree-reader.ts';
export * from './webhook-objects.ts';
