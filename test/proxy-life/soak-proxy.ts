// The proxy of a soak, in a process that can be asked what it holds: armed timers, handles, living memory.
import process from 'node:process';
import { silentLogger } from '#base';
import { SystemClock, SystemNet, SystemRandom } from '#io';
import { startProxy } from '../../src/main/proxy.ts';
import { readBootstrap } from '../../src/main/read-bootstrap.ts';

export interface Held {
  readonly timers: number;
  readonly handles: number;
  /** Bytes of the heap that are alive after a collection, and of buffers outside it. */
  readonly heap: number;
  readonly buffers: number;
  /** Gauges that are not zero. */
  readonly gauges: Readonly<Record<string, number>>;
}

const collect = (globalThis as { gc?: () => void }).gc ?? ((): void => {});
process.once('message', async (resources: object) => {
  const { proxy } = await startProxy({
    bootstrap: await readBootstrap(JSON.stringify({ static_resources: resources })),
    clock: new SystemClock(),
    random: new SystemRandom(),
    net: new SystemNet(),
    log: silentLogger,
    secrets: { subscribe: () => () => {} },
  });
  process.on('message', () => {
    collect();
    collect();
    const { heapUsed, external } = process.memoryUsage();
    const gauges: Record<string, number> = {};
    for (const [schema, blocks] of proxy.services.stats.blocks())
      for (const block of blocks)
        for (const { name, kind, slot } of schema.entries)
          if (kind === 'gauge' && /^(?:downstream|upstream).*_active$/.test(name) && block.get(slot) !== 0)
            gauges[`${block.prefix}.${name}`] = block.get(slot);
    const handles = process.getActiveResourcesInfo().filter((name) => name !== 'Timeout').length;
    const held: Held = { timers: proxy.services.wheel.size, handles, heap: heapUsed, buffers: external, gauges };
    process.send?.(held);
  });
  process.send?.('ready');
});
process.on('disconnect', () => process.exit(0));
