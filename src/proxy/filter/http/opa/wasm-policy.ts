// A Rego policy that was compiled to Wasm, evaluated in this process by Open Policy Agent's own runtime.

import type { Logger } from '#base';
import type { Authorizer, Decision } from '../ext-authz/decision.ts';
import { decisionOf } from './opa-decision.ts';
import { opaInput } from './opa-input.ts';

export interface WasmPolicyOptions {
  readonly module: Uint8Array;
  readonly entrypoint: string;
  /** JSON; '' = {}. */
  readonly data: string;
  readonly log: Logger;
}

interface Policy {
  readonly entrypoints: Readonly<Record<string, number>>;
  setData(data: object): void;
  evaluate(input: unknown, entrypoint: string): readonly { readonly result?: unknown }[];
}

/** Requests that come before the module is compiled wait for it; one that cannot be compiled decides nothing. */
export function wasmPolicy(options: WasmPolicyOptions): Authorizer {
  let policy: Policy | undefined;
  let problem = '';
  const loading = load(options).then(
    (loaded) => void (policy = loaded),
    (error: Error) => {
      problem = `the policy cannot be run: ${error.message}`;
      options.log.error('a policy cannot be run', { entrypoint: options.entrypoint, reason: error.message });
    },
  );
  const decide = (input: Parameters<Authorizer['check']>[0]): Decision => {
    if (policy === undefined) return { kind: 'error', reason: problem };
    try {
      return decisionOf(policy.evaluate(opaInput(input), options.entrypoint)[0]?.result);
    } catch (error) {
      return { kind: 'error', reason: `the policy failed: ${(error as Error).message}` };
    }
  };
  return {
    check: (input, done) => {
      let cancelled = false;
      if (policy !== undefined || problem !== '') done(decide(input));
      else void loading.then(() => (cancelled ? undefined : done(decide(input))));
      return { cancel: () => void (cancelled = true) };
    },
  };
}

async function load({ module, entrypoint, data }: WasmPolicyOptions): Promise<Policy> {
  const { loadPolicy } = await import('@open-policy-agent/opa-wasm');
  const bytes = Uint8Array.from(module);
  const policy = (await loadPolicy(bytes.buffer)) as unknown as Policy;
  if (!Object.hasOwn(policy.entrypoints, entrypoint))
    throw new Error(`it has no entrypoint "${entrypoint}", only ${Object.keys(policy.entrypoints).join(', ')}`);
  policy.setData(data === '' ? {} : (JSON.parse(data) as object));
  return policy;
}
