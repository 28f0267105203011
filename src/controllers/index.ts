// Kubernetes beside the control plane: what is installed, what is injected, what the images hold. Pure: data in, objects out.
export * from './images/index.ts';
export * from './inject/index.ts';
export * from './install/index.ts';
export * from './ca-secret-fs.ts';
export * from './token-review.ts';
export * from './ca-root-maps.ts';
export * from './webhook-bundle.ts';
export * from './webhook-validate.ts';
export * from './status-writer.ts';
export * from './node-untaint.ts';
export * from './replica-counts.ts';
export * from './replica-leases.ts';
export * from './kubernetes-signer.ts';
export * from './gateway-api/index.ts';
