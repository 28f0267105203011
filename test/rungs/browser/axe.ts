// Runs axe-core on a page as it stands; the page's policy lets no script in, so it goes through the debugger.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Page } from 'playwright-core';

const source = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

const TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'];

interface Violation {
  readonly id: string;
  readonly impact: string;
  readonly nodes: readonly { readonly target: readonly string[]; readonly failureSummary: string }[];
}

/** A page that is still being drawn has colours on their way. */
const LOOKS = 4;
const PAUSE_MS = 1_500;

/** Serious and critical violations of WCAG 2.2 A and AA that stay, one line each. */
export async function seriousViolations(page: Page): Promise<readonly string[]> {
  let found: readonly string[] = [];
  for (let look = 0; look < LOOKS; look++) {
    if (look > 0) await page.waitForTimeout(PAUSE_MS);
    found = await violationsNow(page);
    if (found.length === 0) break;
  }
  return found;
}

async function violationsNow(page: Page): Promise<readonly string[]> {
  await page.evaluate(source);
  const violations = (await page.evaluate(
    `axe.run(document, { runOnly: { type: 'tag', values: ${JSON.stringify(TAGS)} } }).then((result) => result.violations)`,
  )) as readonly Violation[];
  return violations
    .filter((one) => one.impact === 'serious' || one.impact === 'critical')
    .map(
      (one) =>
        `${one.id}: ${one.nodes
          .slice(0, 3)
          .map((node) => `${node.target.join(' ')} (${node.failureSummary.replaceAll(/\s+/g, ' ')})`)
          .join('; ')}`,
    );
}
