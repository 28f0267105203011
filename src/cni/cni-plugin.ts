// The plugin's answers: pods that injection marked are captured in their own network namespace, every other passes untouched.
// Fails closed: a pod whose annotations cannot be had or read does not start (CNI 1.0, section 4).
import { CAPTURE_ANNOTATION } from '#base';
import { CNI_VERSION, CNI_VERSIONS, type CniRequest, readCniRequest } from './cni-request.ts';
import { CniError } from './errors.ts';

export interface CniPluginParts {
  /** A pod's annotations, asked of the API server; undefined when there is no such pod. Throws when it does not answer. */
  readonly annotationsOf: (
    pod: { readonly namespace: string; readonly name: string },
    kubeconfig: string,
  ) => Promise<Readonly<Record<string, string>> | undefined>;
  /** Rules for nft, or what is wrong with the annotations. */
  readonly rulesOf: (
    annotations: Readonly<Record<string, string>>,
  ) => { readonly rules: string } | { readonly problem: string };
  /** Applies rules in a network namespace; undefined when it went well. */
  readonly apply: (netns: string, rules: string) => string | undefined;
  /** Whether a network namespace has the rules. */
  readonly isCaptured: (netns: string) => boolean;
}

const AGENT_PREFIX = 'istio-cni-node-';

export interface CniAnswer {
  readonly status: 0 | 1;
  /** For standard output; '' says nothing. */
  readonly text: string;
}

export async function answerCni(
  env: Readonly<Record<string, string | undefined>>,
  input: string,
  parts: CniPluginParts,
): Promise<CniAnswer> {
  let cniVersion: string = CNI_VERSION;
  try {
    const request = readCniRequest(env, input);
    cniVersion = request.cniVersion;
    return { status: 0, text: await serve(request, parts) };
  } catch (error) {
    const known = error instanceof CniError ? error : new CniError('ioFailure', (error as Error).message);
    const { code, message, details } = known;
    return {
      status: 1,
      text: JSON.stringify({
        cniVersion,
        code,
        msg: `topsail-cni: ${message}`,
        ...(details === '' ? {} : { details }),
      }),
    };
  }
}

async function serve(request: CniRequest, parts: CniPluginParts): Promise<string> {
  const { command, cniVersion, prevResult, netns } = request;
  if (command === 'VERSION') return JSON.stringify({ cniVersion, supportedVersions: CNI_VERSIONS });
  // What was captured goes away with the namespace; there is nothing to give back.
  if (command === 'DEL' || command === 'GC' || command === 'STATUS') return '';
  const rules = await rulesFor(request, parts);
  if (command === 'CHECK') {
    if (rules !== undefined && !parts.isCaptured(netns))
      throw new CniError('notCaptured', `${textOf(request)} is not redirected to its proxy`);
    return '';
  }
  if (rules !== undefined) {
    const problem = parts.apply(netns, rules);
    if (problem !== undefined)
      throw new CniError('rulesRefused', `${textOf(request)} cannot be redirected to its proxy`, problem);
  }
  return JSON.stringify(prevResult ?? { cniVersion });
}

/** Undefined for a pod that is none of ours. */
async function rulesFor(request: CniRequest, parts: CniPluginParts): Promise<string | undefined> {
  const { pod } = request;
  if (pod === undefined || request.excludeNamespaces.includes(pod.namespace)) return undefined;
  // Our credentials come from the agent: while a new one starts, there may be none.
  if (
    request.annotations === undefined &&
    pod.namespace === request.agentNamespace &&
    pod.name.startsWith(AGENT_PREFIX)
  )
    return undefined;
  const annotations = request.annotations ?? (await askedFor(pod, request.kubeconfig, parts));
  if (annotations?.[CAPTURE_ANNOTATION] === undefined) return undefined;
  const found = parts.rulesOf(annotations);
  if ('rules' in found) return found.rules;
  throw new CniError('badAnnotation', `${textOf(request)}: ${found.problem}`);
}

async function askedFor(
  pod: { readonly namespace: string; readonly name: string },
  kubeconfig: string,
  { annotationsOf }: CniPluginParts,
): Promise<Readonly<Record<string, string>> | undefined> {
  try {
    return await annotationsOf(pod, kubeconfig);
  } catch (error) {
    throw new CniError(
      'tryAgain',
      `the annotations of ${pod.namespace}/${pod.name} cannot be read from the API server`,
      (error as Error).message,
    );
  }
}

function textOf({ pod }: CniRequest): string {
  return `pod ${pod?.namespace}/${pod?.name}`;
}
