// topsail explain: what the proxies told of one request, hop by hop.
import { type ExplainedHopJson, verdictInTree } from '#api';
import { visibleBeyondAscii, visibleText } from '#base';
import { causeWords } from './cause-text.ts';
import { type CliContext, CliError } from './context.ts';
import { openMesh } from './mesh-client.ts';

export async function explain(
  context: CliContext,
  id: string,
  options: { readonly home?: string; readonly output?: string },
): Promise<number> {
  if (id.trim() === '')
    throw new CliError('Name a request: topsail explain ID, the x-request-id that "topsail tap" shows.');
  const mesh = await openMesh(context, options.home);
  const hops = await mesh.get<readonly ExplainedHopJson[]>(`/api/v1/explain/${encodeURIComponent(id)}`);
  if (hops.length === 0)
    throw new CliError(
      `No request with the id ${id} is remembered: of many requests proxies tell a few a second. Leave "topsail tap" running, repeat the request, and take its id from there.`,
    );
  context.out(options.output === 'json' ? `${hopsJson(hops)}\n` : explainHops(hops));
  return 0;
}

function hopsJson(hops: readonly ExplainedHopJson[]): string {
  const told = hops.map((hop, i) => ({ ...hop, verdict: verdictInTree(placed(hops), i) }));
  return visibleBeyondAscii(JSON.stringify(told, undefined, 2));
}

export function explainHops(hops: readonly ExplainedHopJson[]): string {
  return hops.map((_, i) => explainHop(hops, i)).join('\n');
}

function placed(hops: readonly ExplainedHopJson[]) {
  return hops.map((hop) => ({ hop, parent: hop.parent }));
}

function explainHop(hops: readonly ExplainedHopJson[], index: number): string {
  const hop = hops[index] as ExplainedHopJson;
  const { route, policy, cluster } = hop.causes;
  const because = (cause: typeof route): string => (cause === undefined ? '' : `because of ${causeWords(cause)}`);
  const verdict = verdictInTree(placed(hops), index);
  const facts: readonly (readonly [string, string])[] = [
    ['caused by', causedBy(hop)],
    ['why', verdict.words],
    ['look at', verdict.remedy],
    ['request', `${hop.method} ${hop.authority}${hop.path} (${hop.protocol})`],
    [
      'answer',
      `${hop.status}${hop.flags.length > 0 ? ` ${hop.flags.join(',')}` : ''}${hop.details === '' ? '' : ` (${hop.details})`} after ${hop.durationMs.toFixed(1)} ms`,
    ],
    ['listener', hop.listener],
    ['route', [hop.virtualHost, hop.route].filter((one) => one !== '').join(' / ')],
    ['', because(route)],
    ['policy', hop.policy],
    ['', because(policy)],
    ['dry run', hop.shadowPolicy],
    ['cluster', hop.cluster],
    ['', because(cluster)],
    [
      'endpoint',
      hop.endpoint === ''
        ? ''
        : `${hop.endpoint}${hop.attempts > 1 ? `, ${hop.attempts} tries` : ''}${hop.upstreamMs < 0 ? '' : `, first byte after ${hop.upstreamMs.toFixed(1)} ms`}`,
    ],
    ['failure', hop.upstreamFailure],
    [
      'identity',
      hop.mtls
        ? `mutual TLS${hop.tls === '' ? '' : ` ${hop.tls}`}: ${hop.source.principal || '?'} -> ${hop.destination.principal || '?'}`
        : 'plaintext',
    ],
  ];
  const head = `${index + 1}. ${hop.workload}.${hop.namespace}, ${hop.direction === 'inbound' ? `asked by ${hop.source.workload || 'unknown'}` : `asks ${hop.destination.workload || hop.service || hop.authority}`}`;
  return (
    `${visibleText(head)}\n` +
    facts
      .filter(([, text]) => text !== '')
      .map(([name, text]) => `   ${name.padEnd(9)} ${visibleText(text)}\n`)
      .join('')
  );
}

/** Which hop's work it was part of, by the numbers in front of the hops. */
function causedBy({ parent, maybe }: ExplainedHopJson): string {
  if (parent < 0) return '';
  const others = maybe.filter((one) => one >= 0).map((one) => one + 1);
  return others.length === 0
    ? `${parent + 1}`
    : `${parent + 1}, or ${others.join(' or ')}: they ran side by side, and no span tells them apart`;
}
