// The repository's law as pure functions over file texts; tools/tidy.ts feeds them, tests too.
import { AREAS_WITH_AMBIENT_IO, EDGES } from './edges.ts';

export interface SourceFile {
  /** Path from the root, with forward slashes. */
  readonly path: string;
  readonly text: string;
}

export interface Finding {
  readonly path: string;
  readonly line: number;
  readonly message: string;
}

export interface ImportLine {
  readonly specifier: string;
  readonly line: number;
  readonly typeOnly: boolean;
}

/** Static and dynamic imports and re-exports, with their lines. */
export function importsOf(text: string): ImportLine[] {
  const found: ImportLine[] = [];
  const pattern =
    /(?:^|\n)[ \t]*(import|export)\s+(type\s+)?(?:[^'"\n;]*?(?:\n[^'"\n;]*?)*?\sfrom\s+)?['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]\s*\)/g;
  for (const m of text.matchAll(pattern)) {
    const specifier = m[3] ?? m[4];
    if (specifier === undefined) continue;
    const at = (m.index ?? 0) + m[0].length;
    found.push({ specifier, line: text.slice(0, at).split('\n').length, typeOnly: m[2] !== undefined });
  }
  return found;
}

export function areaOf(path: string): string | undefined {
  return /^src\/([^/]+)\//.exec(path)?.[1];
}

/** '#wire/http' -> 'wire'. */
function areaOfAlias(specifier: string): string | undefined {
  return /^#([a-z]+)/.exec(specifier)?.[1];
}

function packageOf(specifier: string): string {
  const parts = specifier.split('/');
  return specifier.startsWith('@') ? parts.slice(0, 2).join('/') : (parts[0] as string);
}

function isTest(path: string): boolean {
  return /\.(test|fixture)\.ts$/.test(path);
}

export function checkEdges(file: SourceFile): Finding[] {
  const area = areaOf(file.path);
  const rule = area === undefined ? undefined : EDGES[area];
  if (area === undefined) return [];
  if (rule === undefined) return [{ path: file.path, line: 1, message: `src/${area} is no area of tools/edges.ts` }];
  const findings: Finding[] = [];
  for (const { specifier, line } of importsOf(file.text)) {
    const bad = edgeProblem(file.path, area, specifier);
    if (bad !== undefined) findings.push({ path: file.path, line, message: bad });
  }
  return findings;
}

function edgeProblem(path: string, area: string, specifier: string): string | undefined {
  const rule = EDGES[area];
  if (rule === undefined) return undefined;
  if (specifier.startsWith('.')) {
    const target = resolveRelative(path, specifier);
    const other = areaOf(target);
    return other === area || isTest(path)
      ? undefined
      : `reaches out of its area with '${specifier}': import '#${other ?? '…'}'`;
  }
  if (specifier.startsWith('#')) {
    const other = areaOfAlias(specifier);
    if (other === area)
      return area === 'wire' || area === 'proto' || area === 'config'
        ? undefined
        : `imports its own area as '${specifier}': use a relative path`;
    if (rule.areas.includes('*') || isTest(path) || rule.areas.includes(other ?? '')) return undefined;
    return `area ${area} may not import '${specifier}' (tools/edges.ts)`;
  }
  const name = packageOf(specifier);
  if (rule.packages.includes('*') || rule.packages.includes(name) || isTest(path)) return undefined;
  return `area ${area} may not import package '${name}' (tools/edges.ts)`;
}

export function resolveRelative(path: string, specifier: string): string {
  const parts = path.split('/').slice(0, -1);
  for (const p of specifier.split('/')) {
    if (p === '..') parts.pop();
    else if (p !== '.') parts.push(p);
  }
  return parts.join('/');
}

const AMBIENT =
  /(?<![\w.$'"`#])(setTimeout|setInterval|setImmediate|queueMicrotask\b(?=!)|Date\.now|performance\.now|Math\.random|process\.(?:env|exit|on|stdout|stderr|hrtime)|console\.\w+)\b/;

/** The real clock, randomness, environment and console are parameters outside io and main. */
export function checkAmbient(file: SourceFile): Finding[] {
  const area = areaOf(file.path);
  if (area === undefined || AREAS_WITH_AMBIENT_IO.includes(area) || isTest(file.path)) return [];
  return matchingLines(file, AMBIENT, (m) => `${m} is ambient: take it as a parameter (Clock, Random, Logger)`);
}

const FORBIDDEN: readonly (readonly [RegExp, string])[] = [
  [/\b(?:FIXME|XXX)\b/, 'is a leftover'],
  [/(?<![\w/])\/work\/(?:main|shared)|\/root\//, 'names a place outside the repository'],
  [/registry\.npmjs\.org|proxy\.golang\.org|pypi\.org|deb\.debian\.org/, "names a registry's host"],
  [/-----BEGIN (?:RSA |EC )?PRIVATE KEY-----\n[A-Za-z0-9+/=]{32}/, 'is key material'],
  [/^\s*accessor\s/m, "is refused by Node's type stripping"],
];

export function checkForbidden(file: SourceFile): Finding[] {
  if (file.path.startsWith('tools/tidy')) return [];
  return FORBIDDEN.flatMap(([pattern, why]) => matchingLines(file, pattern, (m) => `'${m.trim()}' ${why}`));
}

/** Lines that a source file may have. */
export const LINES_MAX = 400;
/** Files that were longer when the rule came, with the lines that they may have at most: the list only shrinks. */
export const OVERSIZED: Readonly<Record<string, number>> = {
  'src/wire/h2/connection.ts': 480,
  'src/proxy/http/http-stream.ts': 530,
  'src/proxy/router/router.ts': 510,
  'src/wire/h1/server-connection.ts': 445,
};

export function checkShape(file: SourceFile): Finding[] {
  const findings: Finding[] = [];
  const isSource = /^src\/.*\.ts$/.test(file.path) && !isTest(file.path);
  if (!isSource) return findings;
  const lines = file.text.split('\n').length;
  const most = OVERSIZED[file.path] ?? LINES_MAX;
  if (lines > most)
    findings.push({ path: file.path, line: most, message: `has ${lines} lines; split it by idea (at most ${most})` });
  const name = file.path.split('/').pop() as string;
  if (/^(?:utils?|helpers?|misc|common|types)\.ts$/.test(name))
    findings.push({ path: file.path, line: 1, message: 'is a drawer: name the file after its one idea' });
  if (!/^[a-z0-9.-]+$/.test(name)) findings.push({ path: file.path, line: 1, message: 'is not kebab-case' });
  if (name !== 'index.ts' && !/^\s*(?:\/\/|\/\*)/.test(file.text)) {
    findings.push({
      path: file.path,
      line: 1,
      message: 'does not open with a comment that says what the file decides or does',
    });
  }
  return findings;
}

/** Source files that nothing reaches: not imported, no entry, no test. */
export function checkDead(files: readonly SourceFile[], entries: ReadonlySet<string>): Finding[] {
  const imported = new Set<string>();
  for (const file of files) {
    for (const { specifier } of importsOf(file.text)) {
      if (specifier.startsWith('.')) imported.add(resolveRelative(file.path, specifier));
    }
    for (const m of file.text.matchAll(/new URL\(\s*['"](\.[^'"]+)['"]\s*,\s*import\.meta\.url/g)) {
      imported.add(resolveRelative(file.path, m[1] as string));
    }
  }
  return files
    .filter((f) => /^src\/.*\.ts$/.test(f.path) && !isTest(f.path) && !f.path.endsWith('/index.ts'))
    .filter((f) => !imported.has(f.path) && !entries.has(f.path))
    .map((f) => ({ path: f.path, line: 1, message: 'is imported by nothing' }));
}

/** Import cycles inside an area, value imports only; each reported once, as a path. */
export function checkCycles(files: readonly SourceFile[]): Finding[] {
  const known = new Set(files.map((f) => f.path));
  const graph = new Map<string, string[]>();
  for (const f of files) {
    const targets = importsOf(f.text)
      .filter((i) => !i.typeOnly && i.specifier.startsWith('.'))
      .map((i) => resolveRelative(f.path, i.specifier))
      .filter((t) => known.has(t));
    graph.set(f.path, targets);
  }
  const findings: Finding[] = [];
  const state = new Map<string, 'open' | 'done'>();
  const stack: string[] = [];
  const visit = (node: string): void => {
    state.set(node, 'open');
    stack.push(node);
    for (const next of graph.get(node) ?? []) {
      const s = state.get(next);
      if (s === 'open')
        findings.push({
          path: node,
          line: 1,
          message: `closes a cycle: ${[...stack.slice(stack.indexOf(next)), next].join(' -> ')}`,
        });
      else if (s === undefined) visit(next);
    }
    stack.pop();
    state.set(node, 'done');
  };
  for (const node of graph.keys()) if (!state.has(node)) visit(node);
  return findings;
}

function matchingLines(file: SourceFile, pattern: RegExp, message: (match: string) => string): Finding[] {
  const findings: Finding[] = [];
  const lines = file.text.split('\n');
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i] as string;
    if (/^\s*(?:\/\/|\*|\/\*)/.test(line)) continue;
    const m = pattern.exec(line);
    if (m !== null) findings.push({ path: file.path, line: i + 1, message: message(m[0]) });
  }
  return findings;
}
