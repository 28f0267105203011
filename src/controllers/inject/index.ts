// Putting the proxy into pods.
export * from './app-probes.ts';
export * from './capture-plan.ts';
export * from './custom-template.ts';
export * from './decide.ts';
export * from './inject-manifest.ts';
export * from './inject-pod.ts';
export * from './injector-config.ts';
export * from './json-patch.ts';
export * from './proxy-container.ts';
export * from './review-injection.ts';
export * from './workload-name.ts';
