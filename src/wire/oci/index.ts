// Pulling Wasm modules out of OCI registries.

export * from './bearer-challenge.ts';
export * from './docker-config.ts';
export * from './limits.ts';
export * from './registry-client.ts';
export * from './tar.ts';
