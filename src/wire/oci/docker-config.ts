// Reads who may pull what out of a pull secret: kubernetes.io/dockerconfigjson, whose keys are registries.

const HUB = ['https://index.docker.io/v1/', 'index.docker.io', 'docker.io', 'registry-1.docker.io'];

/** "user:password" for a registry; undefined when the secret has none for it. */
export function pullCredentials(dockerConfigJson: string, registry: string): string | undefined {
  let read: unknown;
  try {
    read = JSON.parse(dockerConfigJson);
  } catch {
    return undefined;
  }
  const auths = (read as { auths?: unknown } | null)?.auths;
  if (typeof auths !== 'object' || auths === null) return undefined;
  const names = HUB.includes(registry)
    ? HUB
    : [registry, `https://${registry}`, `https://${registry}/`, `http://${registry}`];
  for (const name of names) {
    if (!Object.hasOwn(auths, name)) continue;
    const { auth, username, password } = ((auths as Record<string, unknown>)[name] ?? {}) as Record<string, unknown>;
    if (typeof username === 'string' && typeof password === 'string') return `${username}:${password}`;
    if (typeof auth === 'string') return Buffer.from(auth, 'base64').toString('utf8');
  }
  return undefined;
}
