// Istio's images are started with pilot-agent's command line; the same words start ours, so that its injection may name our image (inventory §4).
import { planOfAnnotations } from '#controllers';
import { CAPTURE_ANNOTATION, CAPTURE_KINDS } from '#base';

export interface PilotAgentWords {
  /** Words of our own command line. */
  readonly words: readonly string[];
  /** What was given and means nothing here. */
  readonly without: readonly string[];
}

const PREFIX = 'traffic.sidecar.istio.io/';
/** Flags of `istio-iptables` that say what to capture, short and long; the annotation of injection that says the same. */
const CAPTURE_FLAGS: readonly (readonly [string, string, string])[] = [
  ['-i', '--istio-service-cidr', `${PREFIX}includeOutboundIPRanges`],
  ['-x', '--istio-service-exclude-cidr', `${PREFIX}excludeOutboundIPRanges`],
  ['-b', '--istio-inbound-ports', `${PREFIX}includeInboundPorts`],
  ['-d', '--istio-local-exclude-ports', `${PREFIX}excludeInboundPorts`],
  ['-q', '--istio-outbound-ports', `${PREFIX}includeOutboundPorts`],
  ['-o', '--istio-local-outbound-ports-exclude', `${PREFIX}excludeOutboundPorts`],
  ['-c', '--istio-exclude-interfaces', `${PREFIX}excludeInterfaces`],
  ['-k', '--kube-virt-interfaces', 'istio.io/reroute-virtual-interfaces'],
];
/** What is fixed here; another value is refused. */
const FIXED_FLAGS: readonly (readonly [string, string, string])[] = [
  ['-p', '--envoy-port', '15001'],
  ['-z', '--inbound-capture-port', '15006'],
  ['-u', '--proxy-uid', '1337'],
  ['-g', '--proxy-gid', '1337'],
];
const SWITCHES = new Set([
  '--redirect-dns',
  '--run-validation',
  '--skip-rule-apply',
  '--dual-stack',
  '--native-nftables',
]);
const ROLES = new Set(['sidecar', 'router']);

/** Undefined: these are no words of pilot-agent. Throws an Error that names the flag which can't be honoured. */
export function pilotAgentWords(given: readonly string[]): PilotAgentWords | undefined {
  const [command = '', role = ''] = given;
  if (command === 'proxy' && ROLES.has(role)) return proxyWords(role, readFlags(given.slice(2), new Set()));
  if (command === 'istio-iptables') return captureWords(readFlags(given.slice(1), SWITCHES));
  if (command === 'wait') return { words: ['agent', 'wait'], without: given.slice(1) };
  return undefined;
}

function proxyWords(role: string, flags: Map<string, string>): PilotAgentWords {
  const domain = take(flags, '--domain');
  const level = take(flags, '--proxyLogLevel');
  return {
    words: [
      ...['agent', role],
      ...(domain === undefined ? [] : ['--domain', domain]),
      ...(level === undefined ? [] : ['--log-level', level]),
    ],
    without: [...flags.keys()],
  };
}

function captureWords(flags: Map<string, string>): PilotAgentWords {
  for (const [short, long, only] of FIXED_FLAGS) {
    const value = take(flags, short, long) ?? only;
    if (value !== only) throw new Error(`istio-iptables ${long} ${value}: here it is ${only}.`);
  }
  if (take(flags, '--run-validation') === 'true' && take(flags, '--skip-rule-apply') === 'true')
    return { words: ['capture', 'validate'], without: [] };
  const annotations: Record<string, string> = {
    [CAPTURE_ANNOTATION]: take(flags, '--redirect-dns') === 'true' ? CAPTURE_KINDS.dns : CAPTURE_KINDS.plain,
  };
  for (const [short, long, annotation] of CAPTURE_FLAGS) {
    const value = take(flags, short, long);
    if (value !== undefined) annotations[annotation] = value;
  }
  const mode = take(flags, '-m', '--istio-inbound-interception-mode') ?? 'REDIRECT';
  if (mode !== 'REDIRECT' && mode !== 'TPROXY')
    throw new Error(`istio-iptables --istio-inbound-interception-mode ${mode}: here it is REDIRECT or TPROXY.`);
  annotations['sidecar.istio.io/interceptionMode'] = mode;
  const read = planOfAnnotations(annotations);
  if ('problem' in read) throw new Error(`istio-iptables: ${read.problem}`);
  return { words: ['capture', 'apply', '--plan', JSON.stringify(read.plan)], without: [...flags.keys()] };
}

/** `--a=b`, `--a b`, and switches, which need no value. */
function readFlags(words: readonly string[], switches: ReadonlySet<string>): Map<string, string> {
  const flags = new Map<string, string>();
  for (let i = 0; i < words.length; i++) {
    const word = words[i] as string;
    const equals = word.startsWith('--') ? word.indexOf('=') : -1;
    const next = words[i + 1];
    if (equals > 0) flags.set(word.slice(0, equals), word.slice(equals + 1));
    else if (switches.has(word) || next === undefined || /^--?[a-zA-Z]/.test(next)) flags.set(word, 'true');
    else {
      flags.set(word, next);
      i++;
    }
  }
  return flags;
}

function take(flags: Map<string, string>, ...names: readonly string[]): string | undefined {
  let found: string | undefined;
  for (const name of names) {
    found ??= flags.get(name);
    flags.delete(name);
  }
  return found;
}
