// topsail ca status|rotate|revoke: how the mesh's certificate authority stands, replacing its root, revoking certificates.
import type { CaRevokedJson, CaStatusJson } from '#api';
import { parseDuration } from '#config/model';
import { type CliContext, CliError } from './context.ts';
import { openMesh } from './mesh-client.ts';
import { structured } from './structured.ts';
import { table } from './table.ts';

interface Options {
  readonly home?: string;
  readonly output?: string;
}

const PHASES: Readonly<Record<CaStatusJson['phase'], string>> = {
  steady: 'no root is being replaced',
  announced: 'a new root is trusted everywhere, the old one still signs',
  draining: 'the new root signs, the old one is trusted until its last certificate ends',
};

export async function caStatus(context: CliContext, options: Options): Promise<number> {
  const mesh = await openMesh(context, options.home);
  await show(context, await mesh.get<CaStatusJson>('/api/v1/ca'), options.output);
  return 0;
}

export async function caRotate(
  context: CliContext,
  options: Options & { readonly spread?: string; readonly now?: boolean },
): Promise<number> {
  const spreadMs = options.spread === undefined ? undefined : parseDuration(options.spread);
  if (options.spread !== undefined && spreadMs === undefined)
    throw new CliError(`--spread is "${options.spread}", which is no duration: write 30s or 10m.`);
  const mesh = await openMesh(context, options.home);
  const ask = { ...(spreadMs === undefined ? {} : { spreadMs }), ...(options.now === true ? { now: true } : {}) };
  await show(context, await mesh.post<CaStatusJson>('/api/v1/ca/rotate', ask), options.output);
  return 0;
}

export async function caRevoke(
  context: CliContext,
  options: Options & { readonly serial?: string; readonly identity?: string },
): Promise<number> {
  const { serial, identity } = options;
  if ((serial === undefined) === (identity === undefined)) throw new CliError('Give --serial or --identity.');
  const mesh = await openMesh(context, options.home);
  const { serials } = await mesh.post<CaRevokedJson>('/api/v1/ca/revoke', { serial, identity });
  context.out(`Revoked ${serials.length === 1 ? 'one certificate' : `${serials.length} certificates`}:\n`);
  for (const one of serials) context.out(`  ${one}\n`);
  context.out('Whoever still holds a valid token can ask for another one: take that away too.\n');
  return 0;
}

async function show(context: CliContext, status: CaStatusJson, output: string | undefined): Promise<void> {
  const plain = await structured(status, output);
  if (plain !== undefined) {
    context.out(plain);
    return;
  }
  const { kind, phase, signer, roots, revoked, issued, nextStepInMs } = status;
  context.out(`${kind}, ${phase}: ${PHASES[phase]}\n`);
  if (nextStepInMs !== undefined) context.out(`next step in ${Math.max(0, Math.ceil(nextStepInMs / 1000))} s\n`);
  const until = new Date(signer.notAfterMs).toISOString();
  if (kind === 'external') context.out(`another authority signs; serves as ${signer.subject} until ${until}\n`);
  else context.out(`signs as ${signer.subject} (${signer.key}) until ${until}\n`);
  context.out(`${issued} certificates issued since the start, ${revoked} revoked\n\n`);
  context.out(
    table(
      ['ROOT', 'SERIAL', 'KEY', 'UNTIL', 'SIGNS', 'FOR'],
      roots.map((root) => [
        root.subject,
        root.serial,
        root.key,
        new Date(root.notAfterMs).toISOString(),
        root.signs ? 'yes' : '',
        root.trustDomains?.join(', ') ?? 'all',
      ]),
    ),
  );
}
