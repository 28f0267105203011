// Our entry in the node's CNI configuration: put behind the plugins that are there, taken out again; a single plugin's file
// becomes a list while we are in it (CNI 1.0, section 1).
import { CONF_BYTES } from './limits.ts';

/** Also the name of the program. Istio's own is `istio-cni`: both can be there. */
export const PLUGIN_TYPE = 'topsail-cni';
const FROM = 'topsail.io/from';

type Fields = Readonly<Record<string, unknown>>;

export interface ConfFile {
  readonly name: string;
  readonly text: string;
}

export type ConfEdit =
  /** What the folder must hold; `remove` is a file that the new one stands for. */
  | { readonly write: ConfFile; readonly remove: string | undefined }
  | { readonly unchanged: true }
  | { readonly problem: string };

/** The file that a container runtime takes: the first by name of those that it reads. */
export function firstConf(names: readonly string[]): string | undefined {
  return names
    .filter((name) => /\.(conf|conflist|json)$/.test(name) && !name.startsWith('.'))
    .toSorted((a, b) => (a < b ? -1 : 1))[0];
}

export function withPlugin(file: ConfFile, entry: Fields): ConfEdit {
  const config = parse(file);
  if (typeof config === 'string') return { problem: config };
  const own = { type: PLUGIN_TYPE, ...entry };
  const plugins = config['plugins'];
  if (plugins === undefined) {
    if (typeof config['type'] !== 'string') return { problem: `${file.name}: neither plugins nor a type is in it` };
    const { cniVersion, name, ...only } = config;
    const list = { cniVersion, name, plugins: [only, { ...own, [FROM]: file.name }] };
    return { write: { name: file.name.replace(/\.(conf|json)$/, '.conflist'), text: textOf(list) }, remove: file.name };
  }
  if (!Array.isArray(plugins) || plugins.length === 0) return { problem: `${file.name}: plugins is no list` };
  const former = plugins.find(isOurs) as Fields | undefined;
  const kept = former?.[FROM] === undefined ? own : { ...own, [FROM]: former[FROM] };
  const next = [...plugins.filter((one) => !isOurs(one)), kept];
  if (JSON.stringify(next) === JSON.stringify(plugins)) return { unchanged: true };
  return { write: { name: file.name, text: textOf({ ...config, plugins: next }) }, remove: undefined };
}

export function withoutPlugin(file: ConfFile): ConfEdit {
  const config = parse(file);
  if (typeof config === 'string') return { problem: config };
  const plugins = config['plugins'];
  const former = Array.isArray(plugins) ? (plugins.find(isOurs) as Fields | undefined) : undefined;
  if (!Array.isArray(plugins) || former === undefined) return { unchanged: true };
  const rest = plugins.filter((one) => !isOurs(one)) as Fields[];
  const from = former[FROM];
  const [only] = rest;
  if (typeof from === 'string' && /^[^/]+\.(conf|json)$/.test(from) && rest.length === 1 && only !== undefined) {
    const { cniVersion, name } = config;
    return { write: { name: from, text: textOf({ cniVersion, name, ...only }) }, remove: file.name };
  }
  return { write: { name: file.name, text: textOf({ ...config, plugins: rest }) }, remove: undefined };
}

/** A file of our own, for runtimes whose chain somebody else calls (Multus). */
export function ownConf(name: string, entry: Fields): ConfFile {
  return { name, text: textOf({ cniVersion: '1.0.0', name: PLUGIN_TYPE, type: PLUGIN_TYPE, ...entry }) };
}

export function isOwnConf(file: ConfFile): boolean {
  const config = parse(file);
  return typeof config !== 'string' && config['plugins'] === undefined && isOurs(config);
}

function parse({ name, text }: ConfFile): Fields | string {
  if (text.length > CONF_BYTES) return `${name}: more than ${CONF_BYTES} bytes`;
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Fields;
  } catch (error) {
    return `${name}: no JSON: ${(error as Error).message}`;
  }
  return `${name}: no JSON object`;
}

function isOurs(plugin: unknown): boolean {
  return typeof plugin === 'object' && plugin !== null && (plugin as Fields)['type'] === PLUGIN_TYPE;
}

function textOf(value: Fields): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}
