// One exporter per collector, however many listeners report there; it outlives a change of listeners that keeps it.

import type { ProxyServices } from '../services.ts';
import { type Collector, type ExporterCounts, SpanExporter } from './span-exporter.ts';

export class SpanExporters {
  readonly #services: () => ProxyServices;
  readonly #byKey = new Map<string, { readonly exporter: SpanExporter; users: number }>();
  readonly #counts: ExporterCounts = { sent: 0, dropped: 0, reports: 0, failed: 0, lost: 0 };

  constructor(services: () => ProxyServices) {
    this.#services = services;
  }

  /** Shows what became of spans; the names are like those of Envoy's Zipkin tracer. */
  publish(stats: ProxyServices['stats']): void {
    const counts = this.#counts;
    stats.computed('tracing.spans_sent', 'counter', () => counts.sent);
    stats.computed('tracing.spans_dropped', 'counter', () => counts.dropped + counts.lost);
    stats.computed('tracing.reports_sent', 'counter', () => counts.reports);
    stats.computed('tracing.reports_dropped', 'counter', () => counts.failed);
    stats.computed('tracing.spans_queued', 'gauge', () =>
      [...this.#byKey.values()].reduce((sum, { exporter }) => sum + exporter.queued, 0),
    );
  }

  /** Give it back with `release`. */
  acquire(collector: Collector): SpanExporter {
    const key = JSON.stringify(collector);
    let entry = this.#byKey.get(key);
    if (entry === undefined)
      this.#byKey.set(
        key,
        (entry = { exporter: new SpanExporter(this.#services(), collector, this.#counts), users: 0 }),
      );
    entry.users++;
    return entry.exporter;
  }

  /** What still waits goes out first: a changed listener must not cost spans. */
  release(collector: Collector): void {
    const key = JSON.stringify(collector);
    const entry = this.#byKey.get(key);
    if (entry === undefined || --entry.users > 0) return;
    void entry.exporter.finish().then(() => {
      // A listener that came meanwhile has taken it up again.
      if (entry.users > 0) return;
      if (this.#byKey.get(key) === entry) this.#byKey.delete(key);
      entry.exporter.close();
    });
  }

  /** Every span that was made is sent or lost: the last thing before the process ends. */
  async finish(): Promise<void> {
    await Promise.all([...this.#byKey.values()].map(({ exporter }) => exporter.finish()));
  }

  close(): void {
    for (const { exporter } of this.#byKey.values()) exporter.close();
    this.#byKey.clear();
  }
}
