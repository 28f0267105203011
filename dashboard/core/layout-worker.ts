// Lays graphs out beside the page, so that a large one does not stop it.
import { type GraphShape, layoutGraph } from './layout.ts';

interface WorkerScope {
  onmessage: ((event: { readonly data: { readonly id: number; readonly shape: GraphShape } }) => void) | null;
  postMessage(message: unknown): void;
}

const scope = globalThis as unknown as WorkerScope;
scope.onmessage = ({ data }) => scope.postMessage({ id: data.id, layout: layoutGraph(data.shape) });
