// Where configuration comes from.

export * from './edit-text.ts';
export * from './folder-source.ts';
export * from './kube-source.ts';
export { readKubeObject } from './kube-documents.ts';
