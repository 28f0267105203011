// The parts of docs/compatibility.md about versions: which of Kubernetes are run, should work or are refused; which of Topsail work together.
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

/** What was run, not what is hoped for. */
export function topsailVersions(): string {
  return `## Versions of Topsail

There is one version yet, 0.1.0. That a control plane and proxies one version apart work together is tested by

\`\`\`sh
node test/versions/run.ts               # or --ref REF: a tag or a commit; it is cloned and bundled
npm run test:k8s -- versions            # the same in a cluster, each pod with the proxy of its annotation
\`\`\`

The first runs scenarios on a mesh of both, first with this version's control plane and the other's proxies, then the other way round. Last run: this version and its own state 108 commits before, scenarios \`seed-files\`, \`security-matrix\` and \`trust\`, both ways round. Proxies say by node metadata what they can do beyond Envoy (\`TOPSAIL_VHDS\`); who does not say it is given what Envoy is given.
`;
}
