// Istio's metrics before and after a step: which series grew, by how much, and which stood still.
import assert from 'node:assert/strict';
import type { Lab, Role } from './lab.ts';
import type { Growth } from './scenario.ts';

/** An Envoy hands its log on twice a second. */
const PATIENCE_MS = 5_000;
const LINE = /^([a-zA-Z_]\w*)(?:\{(.*)\})? (\S+)/;
const LABEL = /(\w+)="((?:[^"\\]|\\.)*)"/g;

interface Series {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** Prometheus' text. */
export function readMetrics(text: string): readonly Series[] {
  return text.split('\n').flatMap((line) => {
    const [, name, labels = '', value] = LINE.exec(line) ?? [];
    if (name === undefined || !name.startsWith('istio_')) return [];
    return [
      {
        name,
        labels: Object.fromEntries([...labels.matchAll(LABEL)].map(([, key = '', text = '']) => [key, text])),
        value: Number(value),
      },
    ];
  });
}

function sum(all: readonly Series[], { metric, labels = {} }: Growth): number {
  const chosen = all.filter(
    ({ name, labels: own }) =>
      name === metric && Object.entries(labels).every(([key, value]) => (own[key] ?? null) === value),
  );
  return chosen.reduce((total, { value }) => total + value, 0);
}

/** What must grow is waited for; what must stand still is looked at then. */
export async function grownSince(
  lab: Lab,
  role: Role,
  before: readonly Series[],
  wanted: readonly Growth[],
  at: string,
): Promise<void> {
  const end = performance.now() + PATIENCE_MS;
  for (;;) {
    const now = readMetrics(await lab.metrics(role));
    const wrong = wanted
      .map((one) => ({ ...one, grew: sum(now, one) - sum(before, one) }))
      .filter(({ by, grew }) => (by === 'some' ? grew <= 0 : grew !== by));
    if (wrong.length === 0) return;
    // What has grown too far does not shrink.
    const over = wrong.some(({ by, grew }) => by !== 'some' && grew > by);
    if (over || performance.now() > end)
      assert.fail(
        `${at}: ${wrong.map(({ metric, labels, by, grew }) => `${metric} ${JSON.stringify(labels ?? {})} grew by ${grew}, not ${by}`).join('; ')}`,
      );
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
