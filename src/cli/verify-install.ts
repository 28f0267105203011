// topsail verify-install: whether what is installed is whole and runs; x precheck: whether a cluster can take an installation.
import { componentStates, enrolledNamespaces, findForeign } from '#controllers';
import { type KubeClient, type KubeObject, RESOURCES } from '#kube';
import { type CliContext, CliError } from './context.ts';
import { componentsOf, type InstallFlags, settingsOf } from './install-settings.ts';

export async function verifyInstall(context: CliContext, flags: InstallFlags): Promise<number> {
  const settings = await settingsOf(context, flags);
  const components = await componentsOf(context, settings);
  const client = await open(context, flags);
  let bad = 0;
  for (const { object, problem } of await componentStates(client, components)) {
    if (problem === undefined) context.out(`✔ ${object}\n`);
    else {
      bad += 1;
      context.out(`✘ ${object}: ${problem}\n`);
    }
  }
  if (bad > 0) {
    // Their webhook fails closed: nobody comes in without a proxy.
    const enrolled = await enrolledNamespaces(client);
    if (enrolled.length > 0)
      context.out(
        `! While the control plane does not run, new pods of these namespaces are refused: ${enrolled.join(', ')}\n`,
      );
  }
  context.out(
    bad === 0
      ? '✔ The installation is whole and runs\n'
      : `✘ ${bad} objects are missing or not ready. Run "topsail install" with the same flags again.\n`,
  );
  return bad === 0 ? 0 : 1;
}

/** The oldest Kubernetes whose API has all that we write: restartable init containers are stable there. */
export const OLDEST_MINOR = 29;

export async function precheck(context: CliContext, flags: InstallFlags): Promise<number> {
  const client = await open(context, flags);
  const problems: string[] = [];
  const version = await serverVersion(client);
  if (version === undefined) throw new CliError('The API server does not tell its version: check the kubeconfig.');
  if (version.major === 1 && version.minor < OLDEST_MINOR)
    problems.push(
      `Kubernetes ${version.text} is older than 1.${OLDEST_MINOR}: native sidecars are missing. Set values.pilot.env.ENABLE_NATIVE_SIDECARS=false, or upgrade the cluster.`,
    );
  const components = await componentsOf(context, await settingsOf(context, flags));
  for (const { object, why } of await findForeign(client, components))
    problems.push(`${object} ${why}. Install beside it with --revision topsail.`);
  for (const problem of await missingRights(client)) problems.push(problem);
  for (const problem of problems) context.out(`✘ ${problem}\n`);
  if (problems.length === 0)
    context.out(
      `✔ No issues found: Kubernetes ${version.text} can take an installation. Install with "topsail install".\n`,
    );
  return problems.length === 0 ? 0 : 1;
}

async function serverVersion(client: KubeClient): Promise<{ major: number; minor: number; text: string } | undefined> {
  const answer = await client.transport.call({ method: 'GET', path: '/version', timeoutMs: 10_000 });
  if (answer?.status !== 200) return undefined;
  const { major = '', minor = '', gitVersion = '' } = JSON.parse(answer.body) as Record<string, string>;
  return { major: Number.parseInt(major, 10), minor: Number.parseInt(minor, 10), text: gitVersion };
}

/** What an installer must be allowed to create. */
const NEEDED: readonly (readonly [group: string, resource: string])[] = [
  ['', 'namespaces'],
  ['rbac.authorization.k8s.io', 'clusterroles'],
  ['apiextensions.k8s.io', 'customresourcedefinitions'],
  ['admissionregistration.k8s.io', 'mutatingwebhookconfigurations'],
  ['apps', 'deployments'],
  ['', 'services'],
];

async function missingRights(client: KubeClient): Promise<readonly string[]> {
  const problems: string[] = [];
  for (const [group, resource] of NEEDED) {
    const review: KubeObject = {
      apiVersion: 'authorization.k8s.io/v1',
      kind: 'SelfSubjectAccessReview',
      metadata: { name: '' },
      spec: { resourceAttributes: { group, resource, verb: 'create' } },
    };
    const asked = await client.create(
      { ...RESOURCES.subjectAccessReviews, plural: 'selfsubjectaccessreviews', kind: 'SelfSubjectAccessReview' },
      review,
    );
    const allowed = asked.ok && (asked.value['status'] as { allowed?: boolean } | undefined)?.allowed === true;
    if (!allowed)
      problems.push(
        `You may not create ${resource}${group === '' ? '' : `.${group}`}: ask for the role cluster-admin.`,
      );
  }
  return problems;
}

function open(context: CliContext, flags: InstallFlags): Promise<KubeClient> {
  return context.kube({ kubeconfig: flags.kubeconfig, context: flags.context, fieldManager: 'topsail-install' });
}
