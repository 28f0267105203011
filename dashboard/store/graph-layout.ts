// Has graphs laid out in a worker, and only when their shape changed; until then the former layout stays.
import { useEffect, useMemo, useRef, useState } from 'react';
import type { GraphModel } from '../core/graph-model.ts';
import { type GraphLayout, shapeOf } from '../core/layout.ts';

export function useLayout(model: GraphModel): GraphLayout | undefined {
  const shape = useMemo(() => shapeOf(model), [model]);
  const key = useMemo(() => JSON.stringify(shape), [shape]);
  const [layout, setLayout] = useState<GraphLayout>();
  const worker = useRef<Worker>(undefined);
  const asked = useRef(0);
  useEffect(() => {
    const made = new Worker(new URL('../core/layout-worker.ts', import.meta.url), { type: 'module' });
    worker.current = made;
    made.onmessage = (event: MessageEvent<{ readonly id: number; readonly layout: GraphLayout }>) => {
      if (event.data.id === asked.current) setLayout(event.data.layout);
    };
    return () => made.terminate();
  }, []);
  useEffect(() => {
    asked.current += 1;
    worker.current?.postMessage({ id: asked.current, shape: JSON.parse(key) as unknown });
  }, [key]);
  return layout;
}
