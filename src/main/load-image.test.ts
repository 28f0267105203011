import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { chooseCluster, loadCommand, localClusters } from './load-image.ts';

/** What each tool prints; one that is not named is not installed. */
function clustersOf(printed: Readonly<Record<string, string>>) {
  return localClusters((tool, args) => printed[[tool, ...args].join(' ')]);
}
const KIND = 'kind get clusters';
const K3D = 'k3d cluster list --no-headers';
const MINIKUBE = 'minikube profile list --light -o json';

function commandFor(printed: Readonly<Record<string, string>>, context: string): string {
  const chosen = chooseCluster(clustersOf(printed), context);
  if ('problem' in chosen) return chosen.problem;
  return [chosen.cluster.tool, ...loadCommand(chosen.cluster, 'topsail.tar')].join(' ');
}

describe('images load', () => {
  it('hands archives to the only cluster that there is, by its name', () => {
    assert.equal(commandFor({ [KIND]: 'mesh\n' }, ''), 'kind load image-archive topsail.tar --name mesh');
    assert.equal(
      commandFor({ [KIND]: '', [K3D]: 'dev   1/1   0/0   true\n' }, ''),
      'k3d image import topsail.tar -c dev',
    );
    const minikube = JSON.stringify({ invalid: [], valid: [{ Name: 'minikube', Status: 'Running' }] });
    assert.equal(commandFor({ [MINIKUBE]: minikube }, 'other'), 'minikube -p minikube image load topsail.tar');
  });

  it('takes the one that kubectl means, of several', () => {
    const printed = { [KIND]: 'a\nb\n', [K3D]: 'a  1/1  0/0  true\n', [MINIKUBE]: '{"valid":[{"Name":"a"}]}' };
    assert.equal(commandFor(printed, 'kind-b'), 'kind load image-archive topsail.tar --name b');
    assert.equal(commandFor(printed, 'k3d-a'), 'k3d image import topsail.tar -c a');
    assert.equal(commandFor(printed, 'a'), 'minikube -p a image load topsail.tar');
    assert.match(commandFor(printed, 'production'), /context "production" is none of them: kind-a, kind-b, k3d-a, a\./);
  });

  it('says what to do where there is none', () => {
    assert.match(commandFor({}, ''), /--containerd, or use "topsail images push/);
    assert.match(commandFor({ [MINIKUBE]: 'Exiting: no profile' }, ''), /Found no cluster/);
  });
});
