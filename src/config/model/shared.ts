// Messages that several kinds use: string matches, selectors, target references, percentages (istio.io/api type/v1beta1 and networking/v1alpha3).

import { Type } from 'typebox';
import {
  count,
  decimal,
  type Spec,
  described,
  list,
  message,
  names,
  port,
  regex,
  text,
  textDict,
  textList,
} from './schema.ts';

export const StringMatchSchema = message(
  'Compares text in one of three ways.',
  {
    exact: text('Equal to this text.'),
    prefix: text('Begins with this text.'),
    regex: regex('The whole text matches this RE2 pattern.'),
  },
  { choices: [{ fields: ['exact', 'prefix', 'regex'] }] },
);
export type StringMatch = Spec<typeof StringMatchSchema>;

export const PercentSchema = message('A share of requests.', {
  value: decimal('0 to 100, with a fraction if need be.', { minimum: 0, maximum: 100 }),
});
export type Percent = Spec<typeof PercentSchema>;

/** networking.istio.io's selector. */
export const WorkloadSelectorSchema = message('Chooses workloads by their labels.', {
  labels: textDict('All of these labels must be there.', { maxProperties: 256 }),
});
export type WorkloadSelector = Spec<typeof WorkloadSelectorSchema>;

/** security, telemetry and extensions groups' selector. */
export const PolicySelectorSchema = message('Chooses workloads by their labels.', {
  matchLabels: textDict('All of these labels must be there.', { maxProperties: 4096 }),
});
export type PolicySelector = Spec<typeof PolicySelectorSchema>;

export const TargetRefSchema = message(
  'Names one object that the policy is attached to.',
  {
    group: text('API group; empty for core.', { maxLength: 253 }),
    kind: text('Gateway, GatewayClass, Service or ServiceEntry.', { minLength: 1, maxLength: 63 }),
    name: text('The object’s name.', { minLength: 1, maxLength: 253 }),
    namespace: text('Must be left out: the policy’s own namespace holds.', { minLength: 0, maxLength: 63 }),
  },
  { required: ['kind', 'name'] },
);
export type TargetRef = Spec<typeof TargetRefSchema>;

export const targetFields = {
  selector: described(
    'Workloads that the object applies to; unset: all of its namespace (of the mesh in the root namespace).',
    PolicySelectorSchema,
  ),
  targetRef: described('The object that this is attached to.', TargetRefSchema, { deprecated: 'use targetRefs' }),
  targetRefs: list('The objects that this is attached to.', TargetRefSchema, { maxItems: 16 }),
};
export const targetChoice = { fields: ['selector', 'targetRef', 'targetRefs'] } as const;

export const exportToSchema = (kind: string) =>
  textList('Namespaces that see it: `.` its own, `*` all, `~` none (services only), or names.', {
    defaultText: `mesh default${kind}ExportTo (\`*\`)`,
  });

export const PortSelectorSchema = message('A port by its number.', { number: port('The port.') });

/** v1.LabelSelector of Kubernetes. */
export const LabelSelectorSchema = message('Kubernetes’ label selector.', {
  matchLabels: textDict('Labels that must be equal.'),
  matchExpressions: list(
    'Conditions, all of which must hold.',
    message(
      'One condition.',
      {
        key: text('The label.'),
        operator: names('How to compare.', ['In', 'NotIn', 'Exists', 'DoesNotExist'] as const, { numbers: [] }),
        values: textList('For In and NotIn.'),
      },
      { required: ['key', 'operator'] },
    ),
  ),
});
export type LabelSelector = Spec<typeof LabelSelectorSchema>;

export const TcpKeepaliveSchema = message('SO_KEEPALIVE of the socket.', {
  probes: count('Unanswered probes until the connection is dead.', { defaultText: 'the system’s (9)' }),
  time: Type.String({
    description: 'Idle time until the first probe.',
    format: 'duration',
    minimumMs: 1,
    defaultText: 'the system’s (2h)',
  }),
  interval: Type.String({
    description: 'Time between probes.',
    format: 'duration',
    minimumMs: 1,
    defaultText: 'the system’s (75s)',
  }),
});
export type TcpKeepalive = Spec<typeof TcpKeepaliveSchema>;
