// What the API shows and does of the certificate authority.
import type { CaOutcome, CaSource, CaStatusJson } from '#api';
import type { Clock } from '#base';
import type { DiscoveryIdentity } from './discovery-identity.ts';

export function caView({ authority, counts }: DiscoveryIdentity, clock: Clock): CaSource {
  const status = (): CaStatusJson => {
    const { nextStepMs, ...rest } = authority.status();
    const wait = nextStepMs === undefined ? {} : { nextStepInMs: nextStepMs - clock.wallTime() };
    return { ...rest, ...wait, issued: counts.issued };
  };
  const outcome = <T>(error: { readonly message: string; readonly remedy: string }): CaOutcome<T> => ({
    ok: false,
    problem: `${error.message} (${error.remedy})`,
  });
  return {
    status,
    rotate: async ({ spreadMs, now }) => {
      const done = now === true ? await authority.hurry() : await authority.rotate(spreadMs);
      return done.ok ? { ok: true, value: status() } : outcome(done.error);
    },
    revoke: async (ask) => {
      const done = await authority.revoke(ask);
      return done.ok ? { ok: true, value: done.value } : outcome(done.error);
    },
  };
}
