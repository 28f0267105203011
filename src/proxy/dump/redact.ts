// Blanks what nobody may read in a dump: private keys, passwords, ticket keys, shared secrets, tokens.

/** Fields whose texts are secret, all the way down. */
const SECRET_FIELDS: ReadonlySet<string> = new Set([
  'private_key',
  'password',
  'pkcs12',
  'session_ticket_keys',
  'generic_secret',
  'hmac_secret',
  'token_secret',
  'private_key_provider',
]);
/** Header names whose configured values are secret. */
const SECRET_HEADERS = /^(authorization|proxy-authorization|cookie|x-api-key)$/i;

const REDACTED = '[redacted]';
const REDACTED_BYTES = Buffer.from(REDACTED).toString('base64');

/** A copy of `value` (JSON of a protobuf message, proto field names) without secrets. */
export function redact(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(redact);
  if (typeof value !== 'object' || value === null) return value;
  const copy: Record<string, unknown> = {};
  for (const [key, inner] of Object.entries(value)) copy[key] = SECRET_FIELDS.has(key) ? blank(inner) : redact(inner);
  const name = copy['key'] ?? copy['header_name'] ?? copy['name'];
  if (typeof name === 'string' && SECRET_HEADERS.test(name) && typeof copy['value'] === 'string')
    copy['value'] = REDACTED;
  return copy;
}

/** Where a secret comes from stays readable (file names, SDS names); what it is does not. */
function blank(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(blank);
  if (typeof value === 'string') return REDACTED;
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => {
      if (key === 'filename' || key === '@type' || key === 'environment_variable' || key === 'provider_name')
        return [key, inner];
      return [key, key === 'inline_bytes' ? REDACTED_BYTES : blank(inner)];
    }),
  );
}
