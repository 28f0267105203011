// Random header mutations, of a level of the route table or wherever the API takes them.
import type { Dice } from './dice.ts';

const VALUES = [
  'plain',
  '',
  '%REQ(X-ONE)%',
  '%REQ(X-MISSING)%',
  'a%REQ(X-MISSING)%b',
  '%REQ(X-MISSING?X-TWO)%',
  '%%',
  '%REQ(X-ONE):1%',
  '%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%',
  '%ROUTE_NAME%',
  '%UPSTREAM_CLUSTER%',
  '%RESPONSE_CODE_DETAILS%',
  '%BYTES_RECEIVED%',
  '%REQUESTED_SERVER_NAME%',
  '%DYNAMIC_METADATA(a:b)%',
  '%FILTER_STATE(x)%',
  '%RESP(X-GONE)%',
  '%RESP(X-MISSING?X-GONE)%',
  '%CONNECTION_TERMINATION_DETAILS%',
  '%UPSTREAM_CLUSTER_RAW%',
];
/** Of responses not: ours tells then of the request as it came, Envoy of the one that left. */
const OF_REQUESTS = [
  '%REQ(:PATH)%',
  '%REQ(:AUTHORITY)%',
  '%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%',
  '%PROTOCOL%',
  '%PATH(NQ)%',
];
const REQUEST_NAMES = [
  'x-one',
  'x-two',
  'x-new',
  'x-new',
  'cookie',
  'user-agent',
  'x-forwarded-proto',
  'via',
  'X-Upper',
  'accept',
];
const RESPONSE_NAMES = ['x-gone', 'x-new', 'x-new', 'server', 'set-cookie', 'X-Upper', 'location'];
const ACTIONS = ['APPEND_IF_EXISTS_OR_ADD', 'ADD_IF_ABSENT', 'OVERWRITE_IF_EXISTS_OR_ADD', 'OVERWRITE_IF_EXISTS'];

function option(dice: Dice, name: string, values: readonly string[]): Record<string, unknown> {
  const made: Record<string, unknown> = { header: { key: name, value: dice.pick(values) } };
  if (dice.chance(0.7)) made['append_action'] = dice.pick(ACTIONS);
  else if (dice.chance(0.3)) made['append'] = dice.chance(0.5);
  if (dice.chance(0.3)) made['keep_empty_value'] = true;
  return made;
}

/** One of a name: of several Envoy asks all conditions first, overwrites, then adds; ours are done in their order. */
function options(dice: Dice, names: readonly string[], values: readonly string[]): Record<string, unknown>[] {
  const made = new Map(dice.list(1, 3, () => dice.pick(names)).map((name) => [name, option(dice, name, values)]));
  return [...made.values()];
}

/** Fields of a level, each with the share. */
export function mutations(dice: Dice, share: number): Record<string, unknown> {
  return dice.fields(share, {
    request_headers_to_add: () => options(dice, REQUEST_NAMES, [...VALUES, ...OF_REQUESTS]),
    request_headers_to_remove: () => [
      dice.pick(['x-one', 'x-two', 'X-New', 'user-agent', 'cookie', 'x-forwarded-for']),
    ],
    response_headers_to_add: () => options(dice, RESPONSE_NAMES, VALUES),
    response_headers_to_remove: () => [dice.pick(['x-gone', 'X-New', 'server', 'x-envoy-upstream-service-time'])],
  });
}
