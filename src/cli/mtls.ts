// topsail mtls plan: who still speaks plaintext to whom, and whether STRICT is safe now.
import type { MtlsPlanJson } from '#api';
import type { CliContext } from './context.ts';
import { openMesh } from './mesh-client.ts';
import { structured } from './structured.ts';
import { table } from './table.ts';

export async function mtlsPlan(
  context: CliContext,
  options: { readonly home?: string; readonly namespace?: string; readonly output?: string },
): Promise<number> {
  const mesh = await openMesh(context, options.home);
  const plan = await mesh.get<MtlsPlanJson>('/api/v1/mtls/plan');
  const namespaces = plan.namespaces.filter(
    (one) => options.namespace === undefined || one.namespace === options.namespace,
  );
  const plain = await structured({ ...plan, namespaces }, options.output);
  if (plain !== undefined) {
    context.out(plain);
    return 0;
  }
  if (namespaces.length === 0) {
    context.out('No workload is connected.\n');
    return 0;
  }
  context.out(
    table(
      ['NAMESPACE', 'MODE', 'WORKLOADS', 'CALLERS', 'PLAINTEXT', 'STRICT IS SAFE'],
      namespaces.map((one) => [
        one.namespace,
        one.mode,
        String(one.workloads),
        String(one.edges),
        String(one.plaintext.length),
        verdict(one),
      ]),
    ),
  );
  const rows = namespaces.flatMap((one) =>
    one.plaintext.map((edge) => [
      edge.source,
      edge.destination,
      edge.service,
      String(edge.requests),
      `${Math.round(edge.share * 100)}%`,
    ]),
  );
  if (rows.length > 0) context.out(`\n${table(['WHO SPEAKS PLAINTEXT', 'TO', 'SERVICE', 'REQUESTS', 'SHARE'], rows)}`);
  context.out(`\nLooked at the last ${plan.windowSeconds} s of traffic; who did not speak then is not counted.\n`);
  return 0;
}

function verdict({ mode, edges, strictIsSafe, plaintext }: MtlsPlanJson['namespaces'][number]): string {
  if (mode === 'STRICT') return 'in force';
  if (edges === 0) return 'unknown: nobody spoke';
  return strictIsSafe ? 'yes' : `no: ${plaintext.length} would be refused`;
}
