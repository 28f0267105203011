// Telemetry (telemetry.istio.io): metrics, traces and access logs by workload (telemetry/v1alpha1/telemetry.proto).

import { decimal, described, dict, duration, flag, list, message, names, type Spec, text } from './schema.ts';
import { targetChoice, targetFields } from './shared.ts';

const mode = names('Which side reports.', ['CLIENT_AND_SERVER', 'CLIENT', 'SERVER'] as const, {
  default: 'CLIENT_AND_SERVER',
});
const providers = list(
  'Extension providers of MeshConfig; none: inherited.',
  message('One provider.', { name: text('Its name.', { minLength: 1 }) }, { required: ['name'] }),
);

const MetricsSchema = message('Metrics.', {
  providers,
  overrides: list(
    'Changes to the standard metrics.',
    message('One change.', {
      match: message(
        'What it is for.',
        {
          metric: names('A standard metric.', [
            'ALL_METRICS',
            'REQUEST_COUNT',
            'REQUEST_DURATION',
            'REQUEST_SIZE',
            'RESPONSE_SIZE',
            'TCP_OPENED_CONNECTIONS',
            'TCP_CLOSED_CONNECTIONS',
            'TCP_SENT_BYTES',
            'TCP_RECEIVED_BYTES',
            'GRPC_REQUEST_MESSAGES',
            'GRPC_RESPONSE_MESSAGES',
          ] as const),
          customMetric: text('Another metric, by name.', { minLength: 1 }),
          mode,
        },
        { choices: [{ fields: ['metric', 'customMetric'] }] },
      ),
      disabled: flag('Turns it off.', { defaultText: 'inherited' }),
      tagOverrides: dict(
        'Changes to labels.',
        message('One label.', {
          operation: names('UPSERT sets it; REMOVE drops it.', ['UPSERT', 'REMOVE'] as const, { default: 'UPSERT' }),
          value: text('CEL expression over attributes; for UPSERT.'),
        }),
      ),
    }),
  ),
  reportingInterval: duration('Time between reports of TCP connections.', { default: '5s' }),
});

const TracingSchema = message('Traces.', {
  match: message('What it is for.', { mode }),
  providers,
  randomSamplingPercentage: decimal('Share of requests that are traced.', {
    minimum: 0,
    maximum: 100,
    defaultText: 'mesh setting',
  }),
  disableSpanReporting: flag('Passes trace headers on but reports nothing.', { defaultText: 'inherited' }),
  customTags: dict(
    'Further tags of spans.',
    message(
      'One tag.',
      {
        literal: message('A fixed value.', { value: text('Value.', { minLength: 1 }) }, { required: ['value'] }),
        environment: message(
          'An environment variable of the proxy.',
          { name: text('Variable.', { minLength: 1 }), defaultValue: text('Where it is not set.') },
          { required: ['name'] },
        ),
        header: message(
          'A request header.',
          { name: text('Header.', { minLength: 1 }), defaultValue: text('Where it is missing.') },
          { required: ['name'] },
        ),
        formatter: message(
          'A format string of the access log.',
          { value: text('Format.', { minLength: 1 }) },
          { required: ['value'] },
        ),
      },
      { choices: [{ fields: ['literal', 'environment', 'header', 'formatter'], required: true }] },
    ),
  ),
  useRequestIdForTraceSampling: flag('x-request-id carries the decision.', { defaultText: 'true' }),
  enableIstioTags: flag('Adds istio.* tags.', { defaultText: 'true' }),
  disableContextPropagation: flag('Sends no trace headers onward.', { defaultText: 'false' }),
});

const AccessLoggingSchema = message('Access logs.', {
  match: message('What it is for.', { mode }),
  providers,
  disabled: flag('Turns it off.', { defaultText: 'inherited' }),
  filter: message('Which requests are logged.', { expression: text('CEL expression over attributes.') }),
});

export const TelemetrySchema = message(
  'Says what is measured, traced and logged for which workloads.',
  {
    ...targetFields,
    tracing: list('Traces; the first that matches holds.', TracingSchema),
    metrics: list('Metrics.', described('Metrics.', MetricsSchema)),
    accessLogging: list('Access logs.', AccessLoggingSchema),
  },
  { choices: [targetChoice] },
);
export type TelemetrySpec = Spec<typeof TelemetrySchema>;
