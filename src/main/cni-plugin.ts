// The program that a container runtime calls for each pod of a node: CNI over standard input and output, rules by nft in the pod's namespace.
// It is bundled by itself and brings its libraries: the node has neither Node nor nft.
import { spawnSync, type SpawnSyncReturns } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { CAPTURE_TABLE, nftRules } from '#agent';
import type { CapturePlan } from '#base';
import { answerCni } from '#cni';
import { planOfAnnotations } from '#controllers';
import { enterNetworkNamespace } from '#io';
import { RESOURCES } from '#kube';
import { captureRoutes } from './capture-routes.ts';
import { findKubeAccess, makeKubeClient } from './kube-access.ts';

const HOME = dirname(fileURLToPath(import.meta.url));

/** Of the one pod that this process is asked about. */
let planned: CapturePlan | undefined;
const answer = await answerCni(process.env, readFileSync(0, 'utf8'), {
  annotationsOf: async (pod, kubeconfig) => {
    const { client, close } = makeKubeClient(findKubeAccess({ kubeconfig }), 'topsail-cni');
    try {
      const found = await client.get(RESOURCES.pods, pod);
      if (found.ok) return found.value.metadata.annotations ?? {};
      if (found.error.code === 'kube_not_found') return undefined;
      throw found.error;
    } finally {
      close();
    }
  },
  rulesOf: (annotations) => {
    const read = planOfAnnotations(annotations);
    if (!('plan' in read)) return read;
    planned = read.plan;
    return { rules: nftRules(read.plan) };
  },
  apply: (netns, rules) => {
    enterNetworkNamespace(netns);
    const done = nft(['-f', '-'], rules);
    if (done.status !== 0) return done.error?.message ?? done.stderr;
    if (planned !== undefined) captureRoutes(planned);
    return undefined;
  },
  isCaptured: (netns) => {
    enterNetworkNamespace(netns);
    return nft(['list', 'table', 'inet', CAPTURE_TABLE], '').status === 0;
  },
});
process.stdout.write(answer.text);
process.exitCode = answer.status;

function nft(args: readonly string[], input: string): SpawnSyncReturns<string> {
  const loader = process.env['TOPSAIL_CNI_LOADER'];
  const [program, before] =
    loader === undefined ? ['nft', []] : [loader, ['--library-path', join(HOME, 'lib'), join(HOME, 'nft')]];
  return spawnSync(program, [...before, ...args], { input, encoding: 'utf8' });
}
