// topsail bug-report: one text file with what a maintainer needs; keys, tokens and Secrets are left out.
import type { CliContext } from './context.ts';
import { openMesh } from './mesh-client.ts';

const LOG_LINES = 500;
const SECRETS = [
  /-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?-----END [A-Z ]*PRIVATE KEY-----/g,
  /\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]{8,}\b/g,
  /(Bearer\s+)\S+/gi,
  /("(?:token|privateKey|private_key|inlineBytes|inline_bytes)"\s*:\s*")[^"]*/g,
];

export async function bugReport(
  context: CliContext,
  options: { readonly home?: string; readonly file: string },
): Promise<number> {
  const mesh = await openMesh(context, options.home);
  const parts: string[] = [];
  const add = (title: string, text: string): void =>
    void parts.push(`==== ${title}\n${redact(text, mesh.run.token)}\n`);
  for (const path of ['/api/v1/status', '/api/v1/objects?redacted=true', '/api/v1/proxies', '/api/v1/edges']) {
    add(path, await mesh.getText(path).catch((error: Error) => error.message));
  }
  const folder = context.resolvePath(mesh.home, 'logs');
  for (const file of await context.fs.walk(folder)) {
    const text = (await context.fs.readText(context.resolvePath(folder, file))) ?? '';
    add(`logs/${file}`, text.split('\n').slice(-LOG_LINES).join('\n'));
  }
  const path = context.resolvePath(context.cwd, options.file);
  await context.fs.writeText(path, parts.join('\n'), { mode: 0o600 });
  context.out(`Wrote ${path}. Keys and tokens are removed; look through it before you pass it on.\n`);
  return 0;
}

export function redact(text: string, token: string): string {
  let clean = token === '' ? text : text.replaceAll(token, '[redacted]');
  for (const pattern of SECRETS)
    clean = clean.replace(pattern, (_all, kept: unknown) => `${typeof kept === 'string' ? kept : ''}[redacted]`);
  return clean;
}
