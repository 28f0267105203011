// Rules of Telemetry beyond the schema: targets, labels with their expressions, filters (istio pkg/config/validation).

import { checkCel } from '#base';
import type { TelemetrySpec } from '../model/telemetry.ts';
import { type Path, shown } from '../problem.ts';
import { formatProblem } from './headers.ts';
import { checkTargets, type Context } from './rules.ts';

/** Labels as Prometheus takes them. */
const LABEL = /^[a-zA-Z_][a-zA-Z0-9_]*$/;

export function validateTelemetry(context: Context, spec: TelemetrySpec, path: Path): void {
  checkTargets(context, spec, path);
  for (const [i, log] of (spec.accessLogging ?? []).entries())
    checkExpression(context, log.filter?.expression, [...path, 'accessLogging', i, 'filter', 'expression']);
  for (const [i, tracing] of (spec.tracing ?? []).entries()) {
    if ((tracing.providers ?? []).length > 1)
      context.problems.say('TS-CFG-0411', [...path, 'tracing', i, 'providers'], {
        field: 'providers',
        reason: 'only one tracer is used',
      });
    for (const [tag, { formatter }] of Object.entries(tracing.customTags ?? {})) {
      const problem = formatProblem(formatter?.value ?? '');
      if (problem !== undefined)
        context.problems.say('TS-CFG-0344', [...path, 'tracing', i, 'customTags', tag, 'formatter', 'value'], {
          reason: `the format of tag ${shown(tag)} cannot be read: ${problem}`,
        });
    }
  }
  for (const [i, metrics] of (spec.metrics ?? []).entries()) {
    for (const [j, change] of (metrics.overrides ?? []).entries()) {
      const at = [...path, 'metrics', i, 'overrides', j];
      const custom = change.match?.customMetric;
      if (custom !== undefined && !LABEL.test(custom))
        context.problems.say('TS-CFG-0344', [...at, 'match', 'customMetric'], {
          reason: `${shown(custom)} is no name of a metric`,
        });
      for (const [tag, override] of Object.entries(change.tagOverrides ?? {}))
        checkTag(context, tag, override, [...at, 'tagOverrides', tag]);
    }
  }
}

function checkTag(
  context: Context,
  tag: string,
  { operation, value }: { readonly operation?: string; readonly value?: string },
  at: Path,
): void {
  const upsert = (operation ?? 'UPSERT') === 'UPSERT';
  if (!LABEL.test(tag))
    context.problems.say('TS-CFG-0344', at, { reason: `${shown(tag)} is no name of a label` }, { atKey: true });
  if (!upsert) {
    if ((value ?? '') !== '')
      context.problems.say('TS-CFG-0411', [...at, 'value'], { field: 'value', reason: 'REMOVE has no value' });
    return;
  }
  if ((value ?? '') === '') context.problems.say('TS-CFG-0103', [...at, 'value'], { field: 'value' });
  else checkExpression(context, value, [...at, 'value']);
}

function checkExpression(context: Context, expression: string | undefined, path: Path): void {
  if (expression === undefined || expression === '') return;
  const problem = checkCel(expression);
  if (problem !== undefined) context.problems.say('TS-CFG-0345', path, { value: shown(expression), reason: problem });
}
