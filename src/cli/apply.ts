// topsail apply: hands manifests to the control plane, prints kubectl's words, and waits for the proxies if asked.
import type { ApplyAnswer, AppliedJson, FindingJson, ObjectJson, ProgrammedJson } from '#api';
import { type CliContext, CliError } from './context.ts';
import { CONCERNS_NONE, findingText, laggingText, programmedText } from './finding-text.ts';
import { objectName } from './kinds.ts';
import { openMesh } from './mesh-client.ts';
import { faultsOf } from './own-faults.ts';
import { readManifests } from './read-manifests.ts';

export interface ApplyOptions {
  readonly filename: readonly string[];
  readonly namespace: string;
  readonly home?: string;
  readonly wait?: boolean;
  readonly timeout: string;
  readonly output?: string;
}

export async function apply(context: CliContext, options: ApplyOptions): Promise<number> {
  const timeoutMs = parseSeconds(options.timeout) * 1000;
  const texts = await readManifests(context, options.filename);
  const mesh = await openMesh(context, options.home);
  const answer = await mesh.post<ApplyAnswer>('/api/v1/apply', { texts, namespace: options.namespace });
  if (answer.applied.length === 0 && answer.findings.length === 0)
    throw new CliError(`No objects passed to apply: ${texts.map(({ file }) => file).join(', ')} holds no document.`);
  // Also where what was read is only warned of: whoever applies it waits for what never comes.
  let failed = answer.applied.length === 0;
  // What is found between objects knows the mesh's copy of the text only.
  const inOwnText = async (finding: FindingJson, one: AppliedJson): Promise<FindingJson> =>
    texts.some(({ file }) => file === finding.file)
      ? finding
      : (await import('./own-places.ts')).inOwnText(finding, one, texts, options.namespace);
  for (const one of answer.applied) {
    if (one.action !== 'refused') context.out(`${objectName(one)} ${one.action}\n`);
    else {
      failed = true;
      context.err(`${objectName(one)} refused\n`);
    }
    for (const finding of one.findings)
      if (finding.severity !== 'info') context.err(findingText(await inOwnText(finding, one)));
  }
  for (const finding of answer.findings) {
    context.err(findingText(finding));
    failed ||= finding.severity === 'error';
  }
  if (options.wait !== true || answer.applied.every((one) => one.action === 'refused')) return failed ? 1 : 0;
  const ids = answer.applied
    .filter((one) => one.action !== 'refused')
    .map((one) => `${one.kind}/${one.namespace}/${one.name}`);
  const query = new URLSearchParams({
    objects: ids.join(','),
    generation: String(answer.generation),
    timeoutMs: String(timeoutMs),
  });
  const programmed = await mesh.get<ProgrammedJson>(`/api/v1/wait?${query}`, timeoutMs + 5000);
  const said = new Set(answer.applied.flatMap((one) => one.findings.map((finding) => wordsOf(finding))));
  let outOfForce = '';
  let idle = '';
  for (const one of answer.applied) {
    const id = new URLSearchParams({ kind: one.kind, namespace: one.namespace, name: one.name });
    const [object] = one.action === 'refused' ? [] : await mesh.get<ObjectJson[]>(`/api/v1/objects?${id}`);
    if (object === undefined) continue;
    // What was not known yet when it was applied.
    for (const finding of object.findings)
      if (finding.severity !== 'info' && !said.has(wordsOf(finding)))
        context.err(findingText(await inOwnText(finding, one)));
    const fault = outOfForceText(object, one.action);
    outOfForce += fault;
    if (fault === '' && object.programmed.concerned === 0 && programmed.concerned > 0 && object.group !== '')
      idle += `  ${objectName(object)} ${CONCERNS_NONE}\n`;
  }
  // Proxies acknowledge what the control plane made of an object: where that is not what its owner wrote, it is no good news.
  context.out((outOfForce === '' ? programmedText(programmed) : laggingText(programmed)) + idle);
  context.err(outOfForce);
  return failed || outOfForce !== '' || programmed.acknowledged < programmed.concerned ? 1 : 0;
}

function wordsOf({ object, code, path }: FindingJson): string {
  return `${object} ${code} ${path}`;
}

/** Codes with which nothing of the present text is in force. */
const SET_ASIDE: ReadonlySet<string> = new Set(['TS-REG-003', 'TS-REG-015', 'TS-REG-023']);

/** '' where all of it is in force. */
function outOfForceText(object: ObjectJson, action: AppliedJson['action']): string {
  const codes = [...new Set(faultsOf(object.findings).map(({ code }) => code))];
  if (codes.length === 0) return '';
  const whole = action === 'configured' ? 'the new form is not in force' : 'it is not in force';
  const what = codes.some((code) => SET_ASIDE.has(code)) ? whole : 'not all of it is in force';
  const { acknowledged, concerned } = object.programmed;
  const instead = concerned === 0 ? '' : `; ${acknowledged}/${concerned} proxies have what is in force instead`;
  return `${objectName(object)}: ${what} (${codes.join(', ')})${instead}\n`;
}

function parseSeconds(text: string): number {
  const found = /^(\d+(?:\.\d+)?)(ms|s|m)?$/.exec(text);
  if (found === null) throw new CliError(`--timeout "${text}" is no duration: write 30s, 500ms or 2m.`);
  const unit = found[2] ?? 's';
  return Number(found[1]) * (unit === 'm' ? 60 : unit === 'ms' ? 0.001 : 1);
}
