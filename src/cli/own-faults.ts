// Which findings keep something of an object out of force: a second document for it is an error, and none of the one in force.
import type { FindingJson } from '#api';

const DUPLICATE = 'TS-CFG-0011';

export function faultsOf(findings: readonly FindingJson[]): readonly FindingJson[] {
  return findings.filter(({ severity, code }) => severity === 'error' && code !== DUPLICATE);
}

/** Where documents stand that are set aside for the one in force. */
export function duplicatesOf(findings: readonly FindingJson[]): readonly string[] {
  return findings
    .filter(({ code }) => code === DUPLICATE)
    .map(({ file, line }) => (line > 0 ? `${file}:${line}` : file));
}
