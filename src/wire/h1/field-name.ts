// Field names, judged once: token check and lower case are remembered in a bounded table, because
// the same few names come with every request.

/** What the codec itself reads; everything else is `other`. */
export const NAME = {
  other: 0,
  host: 1,
  contentLength: 2,
  transferEncoding: 3,
  connection: 4,
  upgrade: 5,
  /** Hop-by-hop and of no use to us: dropped. */
  drop: 6,
  te: 7,
  keepAlive: 8,
} as const;
export type NameKind = (typeof NAME)[keyof typeof NAME];

export interface FieldName {
  readonly lower: string;
  readonly kind: NameKind;
}

const KNOWN_MAX = 1024;
/** tchar of RFC 9110 §5.6.2. */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

const KINDS: Readonly<Record<string, NameKind>> = {
  host: NAME.host,
  'content-length': NAME.contentLength,
  'transfer-encoding': NAME.transferEncoding,
  connection: NAME.connection,
  upgrade: NAME.upgrade,
  'keep-alive': NAME.keepAlive,
  'proxy-connection': NAME.drop,
  te: NAME.te,
};

const known = new Map<string, FieldName>();

/** Undefined when `name` is no token. */
export function fieldName(name: string): FieldName | undefined {
  const found = known.get(name);
  if (found !== undefined) return found;
  if (!TOKEN.test(name)) return undefined;
  const lower = name.toLowerCase();
  const made: FieldName = { lower, kind: Object.hasOwn(KINDS, lower) ? (KINDS[lower] as NameKind) : NAME.other };
  // Full: peers may send any number of names, so later ones are judged anew each time.
  if (known.size < KNOWN_MAX) known.set(name, made);
  return made;
}

export function isToken(text: string): boolean {
  return TOKEN.test(text);
}
