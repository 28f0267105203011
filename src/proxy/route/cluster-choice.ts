// How a forwarding route finds its cluster: one name, a header's value, or a draw among weights.

import type { RouteAction, WeightedCluster_ClusterWeight } from '#proto/envoy/config/route/v3/route_components_pb.ts';
import { ConfigError } from '../errors.ts';
import type { MatchInput } from '../matcher/match-input.ts';
import { readFirst } from '../matcher/request-header.ts';
import { Choice, type ChoiceParts } from './choice.ts';
import type { RouteChoice } from './compiled.ts';

export type ChooseCluster = (input: MatchInput, random: number) => RouteChoice;
/** Makes the parts of a choice, for the route alone or for one of its weighted clusters. */
export type PartsOf = (weighted: WeightedCluster_ClusterWeight | undefined, field: string) => ChoiceParts;

export function compileClusterChoice(action: RouteAction, parts: PartsOf, field: string): ChooseCluster {
  const specifier = action.clusterSpecifier;
  switch (specifier.case) {
    case 'cluster': {
      if (specifier.value === '') throw new ConfigError('proxy.field-required', `${field}.cluster`);
      const choice = new Choice(parts(undefined, field), specifier.value);
      return () => choice;
    }
    case 'clusterHeader':
      return fromHeader(specifier.value, parts(undefined, field), `${field}.cluster_header`);
    case 'weightedClusters':
      return fromWeights(
        specifier.value.clusters,
        specifier.value.randomValueSpecifier.value ?? '',
        parts,
        `${field}.weighted_clusters`,
      );
    case 'clusterSpecifierPlugin':
    case 'inlineClusterSpecifierPlugin':
      throw new ConfigError(
        'proxy.unsupported',
        `${field}.cluster_specifier_plugin`,
        'cluster specifier plugins are not part of it',
      );
    case undefined:
      throw new ConfigError('proxy.field-required', `${field}.cluster_specifier`);
  }
}

/** A request without the header goes to the cluster "", which does not exist. */
function fromHeader(header: string, parts: ChoiceParts, field: string): ChooseCluster {
  if (header === '') throw new ConfigError('proxy.field-required', field);
  const name = header.toLowerCase();
  return (input) => new Choice(parts, readFirst(input.head, name) ?? '');
}

function fromWeights(
  clusters: readonly WeightedCluster_ClusterWeight[],
  randomHeader: string,
  parts: PartsOf,
  field: string,
): ChooseCluster {
  const chooses: ChooseCluster[] = [];
  const ends: number[] = [];
  let total = 0;
  clusters.forEach((cluster, i) => {
    const at = `${field}.clusters[${i}]`;
    if ((cluster.name === '') === (cluster.clusterHeader === ''))
      throw new ConfigError('proxy.field-invalid', at, 'give either name or cluster_header');
    total += cluster.weight ?? 0;
    ends.push(total);
    if (cluster.name === '')
      chooses.push(fromHeader(cluster.clusterHeader, parts(cluster, at), `${at}.cluster_header`));
    else {
      const choice = new Choice(parts(cluster, at), cluster.name);
      chooses.push(() => choice);
    }
  });
  if (total < 1 || total > 0xffff_ffff)
    throw new ConfigError('proxy.field-invalid', field, 'the weights must add up to at least 1 and at most 4294967295');
  const header = randomHeader.toLowerCase();
  return (input, random) => {
    const point = (header === '' ? undefined : pointFromHeader(input, header, total)) ?? Math.floor(random * total);
    let i = 0;
    while (i < ends.length - 1 && point >= (ends[i] as number)) i++;
    return (chooses[i] as ChooseCluster)(input, random);
  };
}

function pointFromHeader(input: MatchInput, header: string, total: number): number | undefined {
  const text = input.head.headers.get(header);
  if (text === undefined || !/^[0-9]{1,20}$/.test(text)) return undefined;
  return Number(BigInt(text) % BigInt(total));
}
