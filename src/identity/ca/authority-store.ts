// Keeps a self-signed authority in files: one JSON document, mode 0600, replaced as a whole.

import type { Fs, Result } from '#base';
import { err, ok } from '#base';
import { formatPem } from '#wire/tls';
import { IdentityError } from '../errors.ts';
import { privateKeyPem } from '../key-pair.ts';
import type { RootRotation } from './root-rotation.ts';
import type { SigningAuthority } from './signing-authority.ts';
import { readAuthority } from './signing-authority.ts';

/** `other` is the next root while `announced`, the former one while `draining`. */
export interface AuthorityState {
  readonly current: SigningAuthority;
  readonly other: SigningAuthority | undefined;
  readonly rotation: RootRotation;
  /** The longest life of any leaf so far: how long an old root must stay. Undefined: not known. */
  readonly longestLeafMs?: number;
  readonly revoked?: readonly RevokedLeaf[];
}

export interface RevokedLeaf {
  /** As `Certificate.serial`. */
  readonly serial: string;
  readonly atMs: number;
  /** After that the list need not name it. */
  readonly untilMs: number;
}

export const AUTHORITY_FILE = 'authority.json';

interface Stored {
  readonly current: StoredRoot;
  readonly other?: StoredRoot;
  readonly rotation: RootRotation;
  readonly longestLeafMs?: number;
  readonly revoked?: readonly RevokedLeaf[];
}

interface StoredRoot {
  readonly cert: string;
  readonly key: string;
}

/** Undefined when there is no such file yet: only then may a new root be made. */
export async function loadAuthority(
  fs: Fs,
  folder: string,
  nowMs: number,
): Promise<Result<AuthorityState | undefined, IdentityError>> {
  const path = `${folder}/${AUTHORITY_FILE}`;
  const text = await fs.readText(path);
  if (text === undefined) return ok(undefined);
  const stat = await fs.stat(path);
  if (stat !== undefined && (stat.mode & 0o077) !== 0) return err(new IdentityError('authority_files_open', path));
  const stored = parse(text);
  if (stored === undefined) return err(new IdentityError('authority_unusable', `${path} is not what was written`));
  const current = readRoot(stored.current, nowMs);
  if (!current.ok) return current;
  const { longestLeafMs, revoked } = stored;
  const kept = {
    ...(typeof longestLeafMs === 'number' ? { longestLeafMs } : {}),
    ...(Array.isArray(revoked) ? { revoked } : {}),
  };
  if (stored.other === undefined)
    return ok({ current: current.value, other: undefined, rotation: stored.rotation, ...kept });
  const other = readRoot(stored.other, nowMs);
  // A former root that has expired meanwhile is of no use to anybody.
  return ok({
    current: current.value,
    other: other.ok ? other.value : undefined,
    rotation: other.ok ? stored.rotation : { phase: 'steady' },
    ...kept,
  });
}

export async function saveAuthority(fs: Fs, folder: string, state: AuthorityState): Promise<void> {
  const stored: Stored = {
    current: storedRoot(state.current),
    ...(state.other === undefined ? {} : { other: storedRoot(state.other) }),
    rotation: state.rotation,
    ...(state.longestLeafMs === undefined ? {} : { longestLeafMs: state.longestLeafMs }),
    ...((state.revoked ?? []).length === 0 ? {} : { revoked: state.revoked ?? [] }),
  };
  await fs.makeFolder(folder, { mode: 0o700 });
  await fs.writeText(`${folder}/${AUTHORITY_FILE}`, `${JSON.stringify(stored, undefined, 2)}\n`, { mode: 0o600 });
}

function storedRoot(root: SigningAuthority): StoredRoot {
  return { cert: formatPem('CERTIFICATE', root.certificate.der), key: privateKeyPem(root.key) };
}

function readRoot(root: StoredRoot, nowMs: number): Result<SigningAuthority, IdentityError> {
  return readAuthority({ certPem: root.cert, keyPem: root.key, rootsPem: root.cert, chainPem: '' }, nowMs);
}

function parse(text: string): Stored | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  const stored = value as Partial<Stored> | null;
  const isRoot = (root: unknown): boolean => {
    const { cert, key } = (root ?? {}) as Partial<StoredRoot>;
    return typeof cert === 'string' && typeof key === 'string';
  };
  const phase = stored?.rotation?.phase;
  if (stored === null || !isRoot(stored.current) || (stored.other !== undefined && !isRoot(stored.other)))
    return undefined;
  return phase === 'steady' || phase === 'announced' || phase === 'draining' ? (stored as Stored) : undefined;
}
