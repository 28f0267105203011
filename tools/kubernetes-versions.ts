// The part of docs/compatibility.md about Kubernetes: which versions are run, which only should work, which are refused.
import { OLDEST_MINOR } from '../src/cli/verify-install.ts';
import { KUBERNETES_VERSION } from '../test/kube/programs.ts';

export function kubernetesVersions(): string {
  const run = Number(/^v1\.(\d+)/.exec(KUBERNETES_VERSION)?.[1]);
  const rows = [
    [`1.${run}`, `run: \`npm run test:k8s\` starts ${KUBERNETES_VERSION}, with kubelet and containerd`],
    [`1.${OLDEST_MINOR} to 1.${run - 1}`, 'untested; nothing is used that they do not have'],
    [
      `before 1.${OLDEST_MINOR}`,
      'refused by `topsail x precheck`: no native sidecars; `values.pilot.env.ENABLE_NATIVE_SIDECARS=false` does without them, untested',
    ],
  ];
  return `## Kubernetes\n\n| Version | Status |\n| --- | --- |\n${rows.map(([version, status]) => `| ${version} | ${status} |\n`).join('')}`;
}
