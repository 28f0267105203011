// What `topsail run` and `topsail gateway` are told about a workload, read from their flags.

import { nearest, PORT_PROTOCOLS } from '#base';

export interface DeclaredPort {
  readonly name: string;
  /** The port that Services and policies mean. */
  readonly port: number;
}

export interface WorkloadSpec {
  readonly name: string;
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly ports: readonly DeclaredPort[];
}

const NAME = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;
const LABEL = /^[A-Za-z0-9]([-A-Za-z0-9_./]{0,251}[A-Za-z0-9])?$/;

/** A sentence that says what is wrong, or the spec. */
export function readWorkloadSpec(flags: {
  readonly name: string;
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly labels: string;
  readonly ports: readonly string[];
}): WorkloadSpec | string {
  for (const [flag, value] of [
    ['--name', flags.name],
    ['--namespace', flags.namespace],
    ['--service-account', flags.serviceAccount],
  ] as const) {
    if (!NAME.test(value)) return `${flag} "${value}" is no name: use lower-case letters, digits and "-", 63 at most.`;
  }
  const labels = readLabels(flags.labels);
  if (typeof labels === 'string') return labels;
  const ports: DeclaredPort[] = [];
  for (const text of flags.ports) {
    const port = readPort(text);
    if (port === undefined) return `--port "${text}" is no port: write 9080 or http:9080.`;
    const misspelled = misspelledProtocol(port.name);
    if (misspelled !== undefined) return `--port "${text}": ${misspelled}`;
    if (ports.some((one) => one.port === port.port)) return `--port ${port.port} is given twice.`;
    ports.push(port);
  }
  return { name: flags.name, namespace: flags.namespace, serviceAccount: flags.serviceAccount, labels, ports };
}

function readLabels(text: string): Record<string, string> | string {
  const labels: Record<string, string> = {};
  for (const pair of text.split(',').filter((part) => part !== '')) {
    const [key = '', value, ...rest] = pair.split('=');
    if (value === undefined || rest.length > 0 || !LABEL.test(key) || (value !== '' && !LABEL.test(value)))
      return `--labels "${pair}" is no label: write app=reviews,version=v1.`;
    labels[key] = value;
  }
  return labels;
}

function readPort(text: string): DeclaredPort | undefined {
  const colon = text.lastIndexOf(':');
  const port = Number(text.slice(colon + 1));
  if (!Number.isInteger(port) || port < 1 || port > 65_535) return undefined;
  return { name: colon < 0 ? '' : text.slice(0, colon), port };
}

/** A name of its own, such as a Service's targetPort, is a good name; one that misses a protocol by a letter is none. */
function misspelledProtocol(name: string): string | undefined {
  const [word = ''] = name.toLowerCase().split('-');
  if (PORT_PROTOCOLS.some((one) => one === word)) return undefined;
  const near = nearest(word, PORT_PROTOCOLS);
  return near === undefined
    ? undefined
    : `"${word}" is no protocol. Did you mean ${near}? Protocols are ${PORT_PROTOCOLS.join(', ')}.`;
}
