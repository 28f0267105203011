// Prints what is wrong with configuration: place, message, remedy, code.
import type { FindingJson, ProgrammedJson } from '#api';

export function findingText(finding: FindingJson): string {
  const place =
    finding.file === ''
      ? finding.object
      : `${finding.file}${finding.line > 0 ? `:${finding.line}:${finding.column}` : ''}`;
  const path = finding.path === '' ? '' : ` ${finding.path}:`;
  const object = finding.file === '' || finding.object === '' ? '' : ` ${finding.object}`;
  const stop = /[.!?]$/.test(finding.message) ? '' : '.';
  const remedy = finding.remedy === '' ? '' : `${stop} ${finding.remedy}`;
  return `${finding.severity} [${finding.code}] ${place}:${object}${path} ${finding.message}${remedy}\n`;
}

/** What `get`, `describe`, `apply` and the dashboard say of an object that no connected proxy gets anything of. */
export const CONCERNS_NONE = 'concerns no proxy';

/** `Programmed 7/7`, then a line for each proxy that rejects or lags. */
export function programmedText(programmed: ProgrammedJson): string {
  if (programmed.concerned === 0) return `Programmed: ${CONCERNS_NONE}\n`;
  return `Programmed ${programmed.acknowledged}/${programmed.concerned}\n${laggingText(programmed)}`;
}

/** A line for each proxy that rejects or lags. */
export function laggingText(programmed: ProgrammedJson): string {
  let text = '';
  for (const one of programmed.rejected) text += `  ${one.proxy} rejected it: ${one.reason}\n`;
  for (const one of programmed.lagging) text += `  ${one.proxy} lags: ${one.reason}\n`;
  return text;
}
