// What the proxy says of a listener or cluster that it was given names places within it, in its own words (`virtual_hosts["all"].routes[1].match`):
// they are looked for in the text, so that the complaint begins with the field's whole path.

interface Named {
  readonly name: string;
}

type Step = string | number | Named;

const OUTER = /^static_resources\.(listeners|clusters)\[(\d+)\]: /;
const INNER =
  /^(?:listener "[^"]*"\.)?([a-z_]+(?:\["[^"]*"\]|\[\d+\])*(?: "[^"]*")?(?:\.[a-z_]+(?:\["[^"]*"\]|\[\d+\])*(?: "[^"]*")?)*): /;
const STEP = /([a-z_]+)|\["([^"]*)"\]|\[(\d+)\]| "[^"]*"/g;
/** Deeper there is nothing of a bootstrap. */
const MAX_DEPTH = 40;

/** The problem with as much of its inner place in its path as `bootstrap` has; as it is where that is nothing. */
export function deepened(problem: string, bootstrap: unknown): string {
  const outer = OUTER.exec(problem);
  if (outer === null) return problem;
  const [head, list = '', index = ''] = outer;
  const start = walk(bootstrap, ['static_resources', list, Number(index)]);
  const { name = '' } = (start.at ?? {}) as Partial<Named>;
  const rest = problem.slice(head.length + (problem.startsWith(`${name}: `, head.length) ? name.length + 2 : 0));
  const inner = INNER.exec(rest);
  if (start.found < 3 || inner === null) return problem;
  const steps = stepsOf(inner[1] ?? '');
  const best = [...places(start.at)].reduce<Walked & { readonly before: readonly (string | number)[] }>(
    (found, { before, at }) => {
      const walked = walk(at, steps);
      return walked.found > found.found ? { ...walked, before } : found;
    },
    { found: 0, written: [], at: undefined, before: [] },
  );
  if (best.found === 0) return problem;
  const path = [...best.before, ...best.written].map((step) => (typeof step === 'number' ? `[${step}]` : `.${step}`));
  // What the text does not have stays to be read.
  const what = best.found === steps.length ? rest.slice(inner[0].length) : rest;
  return `${head.slice(0, -2)}${path.join('')}: ${what}`;
}

function stepsOf(text: string): readonly Step[] {
  return [...text.matchAll(STEP)].flatMap(([, field, name, index]): readonly Step[] =>
    field !== undefined ? [field] : name !== undefined ? [{ name }] : index !== undefined ? [Number(index)] : [],
  );
}

interface Walked {
  /** How many of the steps are there. */
  readonly found: number;
  readonly written: readonly (string | number)[];
  readonly at: unknown;
}

/** Fields in either spelling, an extension's without its `typed_config`. */
function walk(from: unknown, steps: readonly Step[]): Walked {
  const written: (string | number)[] = [];
  let at = from;
  let found = 0;
  for (const step of steps) {
    const way = wayTo(at, step) ?? [];
    if (way.length === 0) break;
    for (const key of way) at = (at as Readonly<Record<string | number, unknown>>)[key];
    written.push(...way);
    found++;
  }
  return { found, written, at };
}

function wayTo(at: unknown, step: Step): readonly (string | number)[] | undefined {
  if (typeof at !== 'object' || at === null) return undefined;
  if (typeof step === 'object') {
    const index = Array.isArray(at) ? at.findIndex((one: Partial<Named> | null) => one?.name === step.name) : -1;
    return index < 0 ? undefined : [index];
  }
  if (typeof step === 'number') return Object.hasOwn(at, step) ? [step] : undefined;
  const key = keyOf(at, step);
  if (key !== undefined) return [key];
  const config = keyOf(at, 'typed_config');
  const inside = config === undefined ? undefined : (at as Readonly<Record<string, unknown>>)[config];
  const further = typeof inside === 'object' && inside !== null ? keyOf(inside, step) : undefined;
  return config === undefined || further === undefined ? undefined : [config, further];
}

function keyOf(at: object, field: string): string | undefined {
  const camel = field.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
  return [field, camel].find((key) => Object.hasOwn(at, key));
}

/** All that is nested in it, itself first. */
function* places(
  at: unknown,
  before: readonly (string | number)[] = [],
): Iterable<{ readonly before: readonly (string | number)[]; readonly at: unknown }> {
  if (typeof at !== 'object' || at === null || before.length > MAX_DEPTH) return;
  yield { before, at };
  for (const [key, inner] of Object.entries(at))
    yield* places(inner, [...before, Array.isArray(at) ? Number(key) : key]);
}
