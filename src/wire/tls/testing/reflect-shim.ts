// The few Reflect functions that @peculiar/x509's container asks for; imported before it, in tests only.

const byTarget = new WeakMap<object, Map<unknown, unknown>>();

Object.assign(Reflect, {
  getMetadata: (key: unknown, target: object): unknown => {
    for (let at: object | null = target; at !== null; at = Object.getPrototypeOf(at) as object | null) {
      const found = byTarget.get(at)?.get(key);
      if (found !== undefined) return found;
    }
    return undefined;
  },
  getOwnMetadata: (key: unknown, target: object): unknown => byTarget.get(target)?.get(key),
  defineMetadata: (key: unknown, value: unknown, target: object): void => {
    byTarget.set(target, (byTarget.get(target) ?? new Map<unknown, unknown>()).set(key, value));
  },
});
