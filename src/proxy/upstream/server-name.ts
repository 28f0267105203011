// What a request asks of the endpoint's TLS by its own words: the server's name (auto_sni) and whom the certificate has to name
// (auto_san_validation), by its authority or the header that override_auto_sni_header names; and the check of such a name.

import type { PeerCheck } from '#base';
import { matchesDnsName } from '#identity';
import type { RequestHead } from '#wire/http';
import { parseIp } from '../matcher/cidr.ts';
import { stripPort } from '../route/domain-table.ts';
import type { ClusterSettings } from './cluster-settings.ts';

export interface AskedName {
  /** Undefined: as the cluster's settings say. */
  readonly sni: string | undefined;
  /** Undefined: nobody beyond whom the settings ask for. */
  readonly san: string | undefined;
}

type NameSettings = Pick<ClusterSettings, 'autoSni' | 'autoSanValidation' | 'autoSniHeader'>;

/** Undefined where requests ask for nothing. TLS names no addresses, certificates do. */
export function askedName(
  { autoSni, autoSanValidation, autoSniHeader }: NameSettings,
  head: Pick<RequestHead, 'authority' | 'headers'>,
): AskedName | undefined {
  if (!autoSni && !autoSanValidation) return undefined;
  const given = autoSniHeader === '' ? undefined : head.headers.get(autoSniHeader);
  const host = stripPort(given === undefined || given === '' ? head.authority : given);
  const name = host.startsWith('[') && host.endsWith(']') ? host.slice(1, -1) : host;
  const sni = autoSni && parseIp(name) === undefined ? name : undefined;
  const san = autoSanValidation ? name : undefined;
  return sni === undefined && san === undefined ? undefined : { sni, san };
}

/** Beside what else is asked of the peer. */
export function namedPeer(check: PeerCheck, name: string): PeerCheck {
  const address = parseIp(name);
  return (peer) => {
    const judged = check(peer);
    if (!judged.ok) return judged;
    const { verdict } = judged;
    if (verdict.kind === 'verified') {
      const { dnsSans, uriSans, ipSans = [] } = verdict;
      if (dnsSans.some((san) => matchesDnsName(san, name)) || uriSans.includes(name)) return judged;
      if (address !== undefined && ipSans.some((san) => sameAddress(san, address))) return judged;
    }
    return { ok: false, reason: `its certificate does not name ${name === '' ? 'anybody who was asked for' : name}` };
  };
}

function sameAddress(text: string, wanted: NonNullable<ReturnType<typeof parseIp>>): boolean {
  const found = parseIp(text);
  return found !== undefined && found.v6 === wanted.v6 && found.words.join() === wanted.words.join();
}
