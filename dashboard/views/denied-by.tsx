// Who refused what an edge carried: policies and limits by name, with a link, or what else refused it.
import type { ReactNode } from 'react';
import { denialWords, denyingRule, limitingRule } from '../../src/telemetry/graph/denial-words.ts';

export function DeniedBy({
  denials,
}: {
  /** As the edges tell them: details with their counts. */
  readonly denials: readonly Readonly<Record<string, number>>[];
}): ReactNode {
  // One answer of a limit and another are the same limit's.
  const details = [
    ...new Map(denials.flatMap((one) => Object.keys(one)).map((one) => [denialWords(one), one])).values(),
  ];
  return details.map((one, i) => {
    const rule = denyingRule(one);
    const limit = limitingRule(one);
    return (
      <span key={one}>
        {i > 0 && ', '}
        {limit !== undefined ? (
          <>
            RateLimit <a href={`/config/RateLimit/${limit.namespace}/${limit.name}`}>{limit.name}</a>{' '}
            <span className="soft small">rule {limit.rule}</span>
          </>
        ) : rule === undefined ? (
          denialWords(one)
        ) : (
          <>
            <a href={`/config/AuthorizationPolicy/${rule.namespace}/${rule.name}`}>{rule.name}</a>{' '}
            <span className="soft small">rule {rule.rule}</span>
          </>
        )}
      </span>
    );
  });
}
