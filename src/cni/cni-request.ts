// What a container runtime asks of the plugin: parameters in the environment, configuration on standard input (CNI 1.0, section 2).
import { CniError } from './errors.ts';
import { REQUEST_BYTES } from './limits.ts';

export const CNI_VERSIONS = ['0.3.0', '0.3.1', '0.4.0', '1.0.0', '1.1.0'] as const;
export const CNI_VERSION = '1.0.0';
const COMMANDS = ['ADD', 'CHECK', 'DEL', 'GC', 'STATUS', 'VERSION'] as const;
/** containerd hands a pod's annotations to plugins that declare this capability. */
export const ANNOTATIONS_CAPABILITY = 'io.kubernetes.cri.pod-annotations';

export type CniCommand = (typeof COMMANDS)[number];
type Fields = Readonly<Record<string, unknown>>;

export interface CniRequest {
  readonly command: CniCommand;
  readonly cniVersion: string;
  /** '' where the command has none. */
  readonly netns: string;
  /** Undefined outside of Kubernetes. */
  readonly pod: { readonly namespace: string; readonly name: string } | undefined;
  /** What the plugins before us made; undefined when we are the only one. */
  readonly prevResult: Fields | undefined;
  /** Undefined where the runtime does not hand them over. */
  readonly annotations: Readonly<Record<string, string>> | undefined;
  readonly kubeconfig: string;
  readonly excludeNamespaces: readonly string[];
  /** Where the plugin's own agent runs. */
  readonly agentNamespace: string;
}

/** Throws a CniError that names the variable or field. */
export function readCniRequest(env: Readonly<Record<string, string | undefined>>, input: string): CniRequest {
  const command = commandOf(env['CNI_COMMAND']);
  const config = configOf(command, input);
  const cniVersion = textAt(config, 'cniVersion') || CNI_VERSION;
  if (command !== 'VERSION' && !CNI_VERSIONS.some((one) => one === cniVersion))
    throw new CniError(
      'incompatibleVersion',
      `cniVersion ${cniVersion} is not spoken here`,
      `it may be ${CNI_VERSIONS.join(', ')}`,
    );
  const needsPod = command === 'ADD' || command === 'CHECK' || command === 'DEL';
  const missing = (needsPod ? ['CNI_CONTAINERID', 'CNI_IFNAME'] : [])
    .concat(command === 'ADD' || command === 'CHECK' ? ['CNI_NETNS'] : [])
    .filter((name) => (env[name] ?? '') === '');
  if (missing.length > 0) throw new CniError('invalidEnvironment', `${missing.join(', ')} must be set for ${command}`);
  const runtime = config['runtimeConfig'];
  const annotations = isFields(runtime) ? runtime[ANNOTATIONS_CAPABILITY] : undefined;
  const prevResult = config['prevResult'];
  return {
    command,
    cniVersion,
    netns: env['CNI_NETNS'] ?? '',
    pod: podOf(env['CNI_ARGS'] ?? ''),
    prevResult: isFields(prevResult) ? prevResult : undefined,
    annotations: isFields(annotations) ? textsOf(annotations) : undefined,
    kubeconfig: textAt(config, 'kubeconfig'),
    excludeNamespaces: listAt(config, 'excludeNamespaces'),
    agentNamespace: textAt(config, 'agentNamespace'),
  };
}

function commandOf(text: string | undefined): CniCommand {
  const found = COMMANDS.find((one) => one === text);
  if (found !== undefined) return found;
  throw new CniError('invalidEnvironment', `CNI_COMMAND is "${text ?? ''}"`, `it may be ${COMMANDS.join(', ')}`);
}

function configOf(command: CniCommand, input: string): Fields {
  // VERSION may come without a configuration.
  if (command === 'VERSION' && input.trim() === '') return {};
  if (input.length > REQUEST_BYTES)
    throw new CniError('undecodable', `the configuration has ${input.length} characters`, `at most ${REQUEST_BYTES}`);
  let value: unknown;
  try {
    value = JSON.parse(input);
  } catch (error) {
    throw new CniError('undecodable', 'the configuration on standard input is no JSON', (error as Error).message);
  }
  if (isFields(value)) return value;
  throw new CniError('undecodable', 'the configuration on standard input is no JSON object');
}

/** `IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=web-1;…` */
function podOf(args: string): CniRequest['pod'] {
  const given = new Map(
    args.split(';').map((pair) => {
      const at = pair.indexOf('=');
      return at < 0 ? ([pair, ''] as const) : ([pair.slice(0, at), pair.slice(at + 1)] as const);
    }),
  );
  const [namespace = '', name = ''] = [given.get('K8S_POD_NAMESPACE'), given.get('K8S_POD_NAME')];
  return namespace === '' || name === '' ? undefined : { namespace, name };
}

function textAt(fields: Fields, name: string): string {
  const value = fields[name];
  if (value === undefined || value === null) return '';
  if (typeof value === 'string') return value;
  throw new CniError('invalidConfig', `${name} must be a string`);
}

function listAt(fields: Fields, name: string): readonly string[] {
  const value = fields[name];
  if (value === undefined || value === null) return [];
  if (Array.isArray(value) && value.every((one) => typeof one === 'string')) return value;
  throw new CniError('invalidConfig', `${name} must be a list of strings`);
}

function textsOf(fields: Fields): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(fields).filter((pair): pair is [string, string] => typeof pair[1] === 'string'),
  );
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
