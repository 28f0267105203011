// Writes plain data as YAML in the usual style of manifests: two spaces, lists at their key's indentation.

export function writeYaml(value: unknown): string {
  return `${block(value, 0).replace(/^\n/, '')}\n`;
}

function block(value: unknown, depth: number): string {
  const pad = ' '.repeat(depth);
  if (Array.isArray(value)) {
    if (value.length === 0) return ' []';
    return value.map((item) => `\n${pad}- ${inItem(item, depth + 2)}`).join('');
  }
  if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value).filter(([, one]) => one !== undefined);
    if (entries.length === 0) return ' {}';
    return entries
      .map(([key, one]) => `\n${pad}${scalar(key)}:${block(one, Array.isArray(one) ? depth : depth + 2)}`)
      .join('');
  }
  return ` ${scalar(value)}`;
}

/** The first line of an item stands behind its dash. */
function inItem(value: unknown, depth: number): string {
  return block(value, depth).replace(/^\n? */, '');
}

function scalar(value: unknown): string {
  if (typeof value !== 'string') return String(value);
  const plain =
    /^[A-Za-z_/][\w./@ -]*$/.test(value) &&
    !/^(true|false|yes|no|on|off|null|~|\.inf|\.nan)$/i.test(value) &&
    !value.endsWith(' ');
  // "5s" and "1.2.3" are no numbers.
  return plain || /^\d+(\.\d+)*[a-z]+$/.test(value) ? value : JSON.stringify(value);
}
