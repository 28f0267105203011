// What the router answers without a cluster: no route, direct responses, redirects, upgrades and headers that are not allowed; and what it counts of a request that it takes on.

import { HTTP } from '#telemetry';
import type { RequestHead } from '#wire/http';
import type { HttpStream } from '../http/http-stream.ts';
import type { ForwardTarget } from '../route/index.ts';
import { upgradeAllowed } from './prepare-request.ts';
import { strictRefusal } from './strict-headers.ts';

/** Where the request goes; undefined: it is answered. */
export function answerAtOnce(stream: HttpStream, head: RequestHead): ForwardTarget | undefined {
  const { connection, choice } = stream;
  const target = choice?.route.action;
  if ((head.protocol !== '' || head.method === 'CONNECT') && target?.kind === 'forward') {
    // Refused ones never come to the router's counts, as in Envoy.
    if (!upgradeAllowed(head, target, stream.config)) {
      connection.count(HTTP.downstream_rq_ws_on_non_ws_route);
      stream.rescue('upgrade-refused');
      return undefined;
    }
    stream.upgraded = true;
    connection.count(HTTP.downstream_cx_upgrades_total);
    connection.count(HTTP.downstream_cx_upgrades_active);
  }
  connection.count(HTTP.rq_total);
  if (target?.kind === 'forward') {
    const refusal = strictRefusal(head.headers, stream.config.router.strict);
    if (refusal === undefined) return target;
    stream.reply(refusal);
    return undefined;
  }
  if (target === undefined || target.kind === 'none') {
    connection.count(HTTP.no_route);
    stream.rescue('no-route');
    return undefined;
  }
  connection.count(HTTP.rq_direct_response);
  const { status } = target;
  const details = 'direct_response';
  if (target.kind === 'direct') stream.reply({ status, body: target.body, details });
  else stream.reply({ status, body: '', details, headers: [['location', target.location(head)]] });
  return undefined;
}
