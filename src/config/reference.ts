// The reference pages of configuration, as Markdown: one per kind, the table of what is in force, and the list of complaints.

import { FINDINGS } from './analyze/findings.ts';
import { type ErrorEntry, ERRORS } from './errors.ts';
import { type Force, type ForceNode, forceAt, forceOf, KIND_FORCE } from './model/force.ts';
import { ENVOY_FILTER_USES, INSTEAD_OF_GROUP, INSTEAD_OF_KIND } from './model/instead.ts';
import { KIND_NAMES, KINDS, type KindInfo, type KindName, SCHEMAS } from './model/kinds.ts';
import { NOT_IN_FORCE_BECAUSE } from './model/refusals.ts';
import { type Field, fieldsOf, type Shape, shapeOf, typeText } from './model/shape.ts';

const WORDS: Readonly<Record<Force, string>> = {
  inForce: 'in force',
  acceptedWithWarning: 'accepted with a warning',
  refused: 'refused',
};

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ');
const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map(() => '---'), ...rows].map((row) => `| ${row.map(cell).join(' | ')} |`).join('\n');

function apiVersions(info: KindInfo): string {
  return info.versions.map((version) => `\`${info.group === '' ? '' : `${info.group}/`}${version}\``).join(', ');
}

function limits(shape: Shape): string {
  const parts: string[] = [];
  const range = (least: number | undefined, most: number | undefined, unit: string): void => {
    if (least !== undefined && most !== undefined) parts.push(`${least} to ${most}${unit}`);
    else if (least !== undefined) parts.push(`at least ${least}${unit}`);
    else if (most !== undefined) parts.push(`at most ${most}${unit}`);
  };
  if (shape.enum !== undefined) parts.push(shape.enum.map((value) => `\`${value}\``).join(', '));
  range(shape.minimum, shape.maximum, '');
  range(shape.minLength, shape.maxLength, ' characters');
  range(shape.minItems, shape.maxItems, ' items');
  range(shape.minProperties, shape.maxProperties, ' entries');
  return parts.length === 0 ? '' : ` (${parts.join('; ')})`;
}

function meaning(field: Field): string {
  const { shape } = field;
  const deprecated = shape.deprecated === undefined ? '' : ` **Deprecated**: ${shape.deprecated}.`;
  const choices = (shape.choices ?? [])
    .map((choice) => ` ${choice.required === true ? 'Exactly' : 'At most'} one of ${choice.fields.join(', ')}.`)
    .join('');
  return `${shape.description ?? ''}${limits(shape)}${deprecated}${choices}`;
}

function fallback(shape: Shape): string {
  return shape.default === undefined ? (shape.defaultText ?? '') : `\`${JSON.stringify(shape.default)}\``;
}

function shownExample(kind: KindName, example: string | undefined): string {
  if (example === undefined) return '';
  const file = `examples/reference/${kind}.yaml`;
  return `\n## Example\n\n[${file}](../../${file}): \`./topsail analyze -f ${file}\` says what a mesh would say of it.\n\n\`\`\`yaml\n${example.trimEnd()}\n\`\`\`\n\n## Fields\n`;
}

/** `example`: a manifest of the kind, as YAML; none of a kind that is refused. */
export function kindPage(kind: KindName, example: string | undefined): string {
  const info: KindInfo = KINDS[kind];
  const shape = shapeOf(SCHEMAS[kind]);
  const rows = fieldsOf(shape).map((field) => [
    `\`${field.path}\`${field.required ? ' *' : ''}`,
    typeText(field.shape),
    fallback(field.shape),
    meaning(field),
    WORDS[forceAt(kind, field.path)],
  ]);
  const facts = [
    `- API versions: ${apiVersions(info)}`,
    info.short.length === 0 ? undefined : `- Short names: ${info.short.join(', ')}`,
    `- ${info.namespaced ? 'Belongs to a namespace' : 'Belongs to no namespace'}`,
    `- The fields stand ${info.body === 'spec' ? 'under `spec`' : 'at the top of the document'}`,
    KIND_FORCE[kind] === 'refused' ? '- Not in force yet: objects of this kind are refused' : undefined,
  ].filter((line) => line !== undefined);
  const choices = (shape.choices ?? []).map(
    (choice) => `${choice.required === true ? 'Exactly' : 'At most'} one of ${choice.fields.join(', ')} may be set.`,
  );
  return `# ${kind}\n\n${shape.description ?? ''}\n\n${facts.join('\n')}\n${choices.length === 0 ? '' : `\n${choices.join('\n')}\n`}${shownExample(kind, example)}\nA star marks required fields; \`[]\` stands for each item of a list, \`*\` for each key of a mapping.\n\n${table(['Field', 'Type', 'Default', 'Meaning', 'Status'], rows)}\n`;
}

export function referenceIndex(): string {
  const rows = KIND_NAMES.map((kind) => [
    `[${kind}](${kind}.md)`,
    apiVersions(KINDS[kind]),
    shapeOf(SCHEMAS[kind]).description ?? '',
  ]);
  return `# Reference\n\nEvery kind of configuration with its fields. [compatibility.md](../compatibility.md) sums up what is in force; [errors.md](../errors.md) lists what can be wrong; \`topsail.schema.json\` gives editors completion.\n\n${table(['Kind', 'API versions', 'What it is'], rows)}\n`;
}

/** docs/not-in-force.md: kinds that are refused whole, and what to write instead. */
export function notInForcePage(): string {
  const sentence = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
  const kinds = Object.entries(INSTEAD_OF_KIND).map(([kind, text]) => [
    `\`${KINDS[kind as KindName].group}\``,
    kind,
    sentence(text),
  ]);
  const groups = Object.entries(INSTEAD_OF_GROUP).map(([group, text]) => [`\`${group}\``, 'all', sentence(text)]);
  const uses = ENVOY_FILTER_USES.map(({ use, instead, page }) => [
    use,
    instead === '' ? 'nothing: leave it to the application' : instead,
    page === undefined ? '' : `[${page.slice('docs/'.length)}](${page.slice('docs/'.length)})`,
  ]);
  return `# Kinds that are not in force

Objects of these kinds are refused by name (\`TS-CFG-0203\`): \`apply\` ends with 1, \`validate\`, \`check\` and the dashboard say so, in a cluster the webhook refuses them, and the status of those that are there already is \`Accepted: False\`. All other kinds are in [compatibility.md](compatibility.md). The page is generated (\`node tools/gen-reference.ts\`), and a test holds it against what is in force.

${table(['Group', 'Kind', 'What to do'], [...kinds, ...groups])}

## EnvoyFilter

The message names what an EnvoyFilter is written for, as far as its patches show it. Each of these is in force on Topsail's own proxy and on a stock Envoy, but for what its own page says of one of them.

${table(['For', 'Write', 'More'], uses)}

What is in none of these rows needs a WasmPlugin, or an application. The proxy without a control plane ([proxy.md](proxy.md)) takes an Envoy bootstrap as it is.
`;
}

/** Values of enums that differ from their field. */
function valueRows(node: ForceNode, shape: Shape, path: string): string[][] {
  const rows: string[][] = [];
  for (const [value, force] of node.values ?? []) rows.push([`\`${path}: ${value}\``, WORDS[force]]);
  for (const [name, child] of node.properties) {
    const childShape = shape.properties?.[name];
    if (childShape !== undefined) rows.push(...valueRows(child, childShape, path === '' ? name : `${path}.${name}`));
  }
  const inner = shape.items ?? shape.additionalProperties;
  if (node.item !== undefined && inner !== undefined)
    rows.push(...valueRows(node.item, inner, shape.items === undefined ? `${path}.*` : `${path}[]`));
  return rows;
}

function summary(kind: KindName): readonly string[] {
  if (KIND_FORCE[kind] === 'refused') return [`[${kind}](#${kind.toLowerCase()})`, '0', '0', 'all'];
  const all = fieldsOf(shapeOf(SCHEMAS[kind])).map((field) => forceAt(kind, field.path));
  const count = (force: Force): string => String(all.filter((own) => own === force).length);
  return [`[${kind}](#${kind.toLowerCase()})`, count('inForce'), count('acceptedWithWarning'), count('refused')];
}

export function compatibilityPage(): string {
  const sections = KIND_NAMES.map((kind) => {
    const head = `## ${kind}\n\n${apiVersions(KINDS[kind])}\n\n`;
    if (KIND_FORCE[kind] === 'refused')
      return `${head}Known, and refused: [not-in-force.md](not-in-force.md) says what to write instead. Its fields are in [reference/${kind}.md](reference/${kind}.md).\n`;
    const shape = shapeOf(SCHEMAS[kind]);
    const rows = [
      ...fieldsOf(shape).map((field) => [`\`${field.path}\``, WORDS[forceAt(kind, field.path)]]),
      ...valueRows(forceOf(kind), shape, ''),
    ];
    const why = Object.entries(NOT_IN_FORCE_BECAUSE[kind] ?? {}).map(
      ([path, reason]) => `- \`${path.replace('=', ': ')}\`: ${reason}`,
    );
    const reasons = why.length === 0 ? '' : `\nNot in force, and why:\n\n${why.join('\n')}\n`;
    return head + (rows.length === 0 ? 'No fields.\n' : `${table(['Field', 'Status'], rows)}\n${reasons}`);
  });
  const intro = [
    '# Compatibility',
    'Topsail speaks Istio’s API, level 1.31. This page says, for each kind and field, whether it is',
    '- **in force**: it does what Istio’s does;\n- **accepted with a warning**: it is read and checked, and has no effect yet; the object says so;\n- **refused**: the object is refused, because leaving the field out would let something through that was not meant to be, or change what the object means.',
    'Kinds of `topsail.io` are Topsail’s own, for what Istio’s API has no object for.',
    'The page is generated from the schemas (`node tools/gen-reference.ts`).',
    table(['Kind', 'Fields in force', 'Accepted with a warning', 'Refused'], KIND_NAMES.map(summary)),
  ];
  return `${intro.join('\n\n')}\n\n${sections.join('\n')}`;
}

/** One section a code, as every table of errors is told. */
export function errorSections(table: Readonly<Record<string, ErrorEntry>>): string {
  const sections = Object.entries(table).map(
    ([code, { severity, message, remedy }]) =>
      `### ${code}\n\n${severity === 'error' ? 'Error' : 'Warning'}: ${message}\n\n${remedy}\n`,
  );
  return sections.join('\n');
}

export function errorsPage(): string {
  const findings = Object.entries(FINDINGS).map(
    ([code, entry]) => `### ${code}\n\n${entry.name}, ${entry.severity}: ${entry.message}\n\n${entry.remedy}\n`,
  );
  const intro = '# Errors\n\nWhat can be wrong with configuration. `{…}` stands for what the message names.';
  return `${intro}\n\n## One document\n\n${errorSections(ERRORS)}\n## Between documents\n\nThe codes are Istio’s.\n\n${findings.join('\n')}`;
}
