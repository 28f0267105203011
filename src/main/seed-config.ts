// Fills an empty configuration folder with the bookshop's manifests: one object a file, where `topsail apply` would put it.
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { demoCertificateSecret } from './demo-certificate.ts';

const GATEWAY_NAMESPACE = 'istio-system';

/** True when it wrote something: a folder that holds anything is its owner's. */
export function seedConfig(configFolder: string, manifests: string, nowMs: number): boolean {
  if (existsSync(configFolder) && readdirSync(configFolder).length > 0) return false;
  for (const file of readdirSync(manifests)
    .filter((name) => name.endsWith('.yaml'))
    .sort()) {
    for (const text of readFileSync(join(manifests, file), 'utf8').split(/^---\s*$/m)) {
      const kind = /^kind:\s*(\S+)/m.exec(text)?.[1];
      const name = /^metadata:\s*\n(?:\s+.*\n)*?\s+name:\s*(\S+)/m.exec(text)?.[1];
      const namespace = /^\s+namespace:\s*(\S+)/m.exec(text)?.[1] ?? 'default';
      if (kind !== undefined && name !== undefined)
        write(join(configFolder, namespace, `${kind}.${name}.yaml`), `${text.trim()}\n`, 0o644);
    }
  }
  const secret = demoCertificateSecret('bookshop-cert', GATEWAY_NAMESPACE, ['localhost', 'bookshop.example'], nowMs);
  write(join(configFolder, GATEWAY_NAMESPACE, 'Secret.bookshop-cert.yaml'), secret, 0o600);
  return true;
}

function write(path: string, text: string, mode: number): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text, { mode });
}
