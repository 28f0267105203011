// Kubernetes beside the control plane: what is installed, what is injected, what the images hold. Pure: data in, objects out.
export * from './images/index.ts';
