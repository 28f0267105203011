// What stands below the help of commands: exit statuses that say more than 0 and 1, and examples, each of them a call that
// runs against a mesh that has what it names (the demo has).
import type { Command } from 'commander';

/** By the command's words. */
export const EXAMPLES: Readonly<Record<string, readonly string[]>> = {
  apply: ['topsail apply --wait -f examples/seed/02-reviews-jason.yaml', 'topsail apply -n default -f -'],
  delete: ['topsail delete vs reviews', 'topsail delete -f examples/seed/02-reviews-jason.yaml'],
  get: ['topsail get all -A', 'topsail get vs,dr', 'topsail get vs/reviews -o yaml'],
  describe: ['topsail describe vs reviews'],
  validate: ['topsail validate -f examples/seed/'],
  check: ['topsail check', 'topsail analyze -f examples/seed/', 'topsail analyze --offline -f examples/bookshop/'],
  'proxy-config': [
    'topsail proxy-config routes productpage-v1',
    'topsail pc clusters reviews-v1 --fqdn ratings -o json',
    'topsail pc endpoints reviews-v1.default --status HEALTHY',
  ],
  'authz explain': ['topsail authz explain --to ratings-v1 --from default/reviews --method POST --path /ratings/0'],
  'mtls plan': ['topsail mtls plan -n default'],
  logs: ['topsail logs reviews-v1 -f'],
  stat: ['topsail stat --by service', 'topsail stat reviews --window 10m'],
  tap: ['topsail tap reviews-v1', 'topsail tap --to ratings --status 5xx --max 10'],
  run: [
    "topsail run --name hello --labels app=hello,version=v1 --port http:8000 -- sh -c 'exec python3 -m http.server $PORT'",
  ],
  proxy: ['topsail proxy -c bootstrap.yaml', 'topsail proxy --mode validate -c bootstrap.yaml'],
  'kube-inject': ['topsail kube-inject --offline -f deployment.yaml'],
};

const APPLY_STATUS = `
Exit status:
  0  everything was taken; with --wait also: it is in force as written, on every proxy concerned (warnings are shown)
  1  something was refused; with --wait also: an error keeps a part of it out of force (a route to an unknown host,
     subset or port, ...), a proxy rejected it, or not all have acknowledged within --timeout
     without --wait what is found between objects is shown, and counts for nothing: what is missing may come later`;

export function addExamples(program: Command): void {
  commandOf(program, 'apply').addHelpText('after', APPLY_STATUS);
  for (const [words, lines] of Object.entries(EXAMPLES))
    commandOf(program, words).addHelpText('after', `\nExamples:\n${lines.map((line) => `  ${line}`).join('\n')}`);
}

/** Throws where there is none. */
export function commandOf(program: Command, words: string): Command {
  return words.split(' ').reduce((parent, word) => {
    const found = parent.commands.find((one) => one.name() === word || one.aliases().includes(word));
    if (found === undefined) throw new Error(`no command ${words}`);
    return found;
  }, program);
}
