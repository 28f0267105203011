// topsail authz: which policies a workload has, and why a request would be allowed or denied.
import type { AuthzAnswerJson, AuthzNearJson, AuthzPolicyJson, AuthzRuleJson } from '#api';
import { type CliContext, CliError } from './context.ts';
import { openMesh } from './mesh-client.ts';
import { structured } from './structured.ts';
import { table } from './table.ts';

interface Options {
  readonly home?: string;
  readonly output?: string;
}

/** istioctl's table. */
export async function authzCheck(context: CliContext, workload: string, options: Options): Promise<number> {
  const mesh = await openMesh(context, options.home);
  const policies = await mesh.get<readonly AuthzPolicyJson[]>(`/api/v1/authz/${encodeURIComponent(workload)}`);
  const plain = await structured(policies, options.output);
  if (plain !== undefined) context.out(plain);
  else if (policies.length === 0)
    context.out(`No AuthorizationPolicy applies to ${workload}: every request is allowed.\n`);
  else
    context.out(
      table(
        ['ACTION', 'AuthorizationPolicy', 'RULES'],
        policies.map((one) => [
          `${one.action}${one.dryRun ? ' (dry run)' : ''}`,
          `${one.name}.${one.namespace}`,
          String(one.rules),
        ]),
      ),
    );
  return 0;
}

export interface ExplainOptions extends Options {
  readonly from?: string;
  readonly to: string;
  readonly method: string;
  readonly path: string;
  readonly host?: string;
  readonly port?: string;
  readonly ip?: string;
  readonly header: readonly string[];
  readonly claims?: string;
}

/** 0: allowed, 2: denied. */
export async function authzExplain(context: CliContext, options: ExplainOptions): Promise<number> {
  const query = new URLSearchParams({ method: options.method, path: options.path });
  for (const name of ['from', 'host', 'port', 'ip', 'claims'] as const) {
    const value = options[name];
    if (value !== undefined && value !== '') query.set(name, value);
  }
  if (options.claims !== undefined && !isObject(options.claims))
    throw new CliError('--claims is no JSON object, for example \'{"iss":"https://issuer.example","sub":"ann"}\'.');
  for (const header of options.header) query.append('header', header);
  const mesh = await openMesh(context, options.home);
  const answer = await mesh.get<AuthzAnswerJson>(
    `/api/v1/authz/${encodeURIComponent(options.to)}/explain?${query.toString()}`,
  );
  context.out((await structured(answer, options.output)) ?? explanation(answer));
  return answer.decision === 'allowed' ? 0 : 2;
}

function explanation(answer: AuthzAnswerJson): string {
  const lines: string[] = [];
  const by = answer.decidedBy;
  const verb = answer.decision === 'allowed' ? 'ALLOWED' : 'DENIED';
  lines.push(`${verb} at ${answer.workload} ${by === undefined ? `because ${answer.reason}` : `by ${nameOf(by)}`}.`);
  for (const ask of answer.asks)
    lines.push(`Before that, ${nameOf(ask)} asks the provider ${ask.provider}, which may deny.`);
  for (const note of answer.notes) lines.push(`${nameOf(note)} matches too, and only notes it.`);
  const near = answer.nearest;
  if (near !== undefined && near.missing.length > 0) {
    lines.push(`Nearest miss: ${nameOf(near)}`);
    for (const miss of near.missing) lines.push(`  ${missText(miss)}`);
  }
  return `${lines.join('\n')}\n`;
}

/** A field that excludes misses by what the request has. */
function missText({ field, wanted, found }: AuthzNearJson['missing'][number]): string {
  if (/\.not[A-Z]\w*$/.test(field))
    return `${field} excludes ${wanted}, and the request has ${found === wanted ? 'it' : found}`;
  return `${field} asks for ${wanted}${found === '' ? '' : `; the request has ${found}`}`;
}

function nameOf(rule: AuthzRuleJson): string {
  return `${rule.action} policy ${rule.namespace}/${rule.name}, rule ${rule.rule}`;
}

function isObject(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
}
