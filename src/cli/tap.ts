// topsail tap: requests of proxies as they finish, one line each.
import {
  denyingRule,
  exceededLimit,
  faultWords,
  injectedFault,
  passThroughWords,
  type StatusJson,
  type TapRecordJson,
} from '#api';
import { visibleText } from '#base';
import { type CliContext, CliError } from './context.ts';
import { openMesh } from './mesh-client.ts';

export interface TapOptions {
  readonly home?: string;
  readonly to?: string;
  readonly path?: string;
  readonly status?: string;
  readonly perSecond?: string;
  readonly max?: string;
  readonly output?: string;
}

const STATUS = /^([1-5]\d\d|[1-5]xx)$/;

export async function tap(context: CliContext, workload: string | undefined, options: TapOptions): Promise<number> {
  if (options.status !== undefined && !STATUS.test(options.status))
    throw new CliError(`--status ${options.status} is no status: give one such as 404, or a class such as 5xx.`);
  const mesh = await openMesh(context, options.home);
  if (workload !== undefined) mustBeKnown(workload, await mesh.get<StatusJson>('/api/v1/status'));
  const query = new URLSearchParams({
    workload: workload ?? '',
    to: options.to ?? '',
    path: options.path ?? '',
    status: options.status ?? '',
    perSecond: options.perSecond ?? '',
  });
  for (const [name, value] of [...query]) if (value === '') query.delete(name);
  let left = Number(options.max ?? Number.POSITIVE_INFINITY);
  let enough = (): void => {};
  const done = new Promise<void>((resolve) => {
    enough = resolve;
  });
  let refusal: string | undefined;
  await context.stream(
    {
      url: `${mesh.run.address}/api/v1/tap?${query}`,
      headers: { authorization: `Bearer ${mesh.run.token}` },
      until: Promise.race([context.interrupted, done]),
    },
    (data) => {
      const record = JSON.parse(data) as TapRecordJson & { readonly error?: string };
      if (record.error !== undefined) refusal = record.error;
      else if (left-- > 0) context.out(options.output === 'json' ? `${visibleText(data)}\n` : `${tapLine(record)}\n`);
      if (left <= 0 || refusal !== undefined) enough();
    },
  );
  if (refusal !== undefined) throw new CliError(refusal);
  return 0;
}

/** A tap on nobody would wait for ever. The names are those by which the control plane finds whom to tap. */
function mustBeKnown(name: string, { proxies, workloads }: Pick<StatusJson, 'proxies' | 'workloads'>): void {
  const all = [...proxies, ...workloads];
  if (all.some((one) => [one.name, `${one.name}.${one.namespace}`, `${one.namespace}/${one.name}`].includes(name)))
    return;
  const known = [...new Set(all.map((one) => `${one.name}.${one.namespace}`))].sort();
  throw new CliError(`No workload is called ${name}. Known: ${known.join(', ') || 'none'}.`);
}

export function tapLine(r: TapRecordJson): string {
  const [from, to] = [
    r.source.workload || 'unknown',
    r.destination.workload || r.service || r.authority || r.endpoint || 'unknown',
  ];
  const outcome = r.protocol === 'TCP' ? 'TCP' : `${r.status}${r.grpcStatus >= 0 ? ` grpc ${r.grpcStatus}` : ''}`;
  const fault = injectedFault(r);
  // What went nowhere was neither.
  const sent = r.direction === 'inbound' || r.endpoint !== '' || r.attempts > 0;
  const marks = [
    r.flags.join(','),
    sent || fault === '' ? (r.mtls ? 'mTLS' : 'plaintext') : '',
    fault === '' ? '' : faultWords(fault),
    passThroughWords(r) + (r.undeclared === undefined ? '' : ': add it to the Service'),
    r.attempts > 1 ? `${r.attempts} tries` : '',
    policyWords(r.policy),
  ].filter((one) => one !== '');
  const line = `${new Date(r.atMs).toISOString().slice(11, 23)} ${r.direction === 'inbound' ? 'in ' : 'out'} ${from} -> ${to} ${r.method} ${r.authority}${r.path} ${outcome} ${r.durationMs.toFixed(1)}ms ${marks.join(' ')} ${r.id}`;
  // Paths, and names that peers give themselves, are not ours.
  return visibleText(line);
}

/** As `explain` and the dashboard say it; the JSON keeps what proxies call it. */
function policyWords(policy: string): string {
  const limit = exceededLimit(policy);
  if (limit !== '') return `${limit} was exceeded`;
  const rule = denyingRule(policy);
  return rule === undefined ? policy : `AuthorizationPolicy ${rule.namespace}/${rule.name}, rule ${rule.rule}`;
}
