// What the API says about policies of workloads, why a request is decided as it is, and who still speaks plaintext.

export interface AuthzPolicyJson {
  readonly action: string;
  readonly namespace: string;
  readonly name: string;
  readonly rules: number;
  readonly dryRun: boolean;
}

/** A request that nobody sent. */
export interface AuthzAsk {
  /** 'TRUST-DOMAIN/ns/NS/sa/SA'; '' = without certificate. */
  readonly from: string;
  readonly sourceIp: string;
  readonly method: string;
  readonly path: string;
  readonly host: string;
  readonly port: number;
  readonly headers: readonly (readonly [string, string])[];
  /** Claims of a verified token; undefined = no token. */
  readonly claims: Readonly<Record<string, unknown>> | undefined;
}

export interface AuthzRuleJson {
  readonly action: string;
  readonly namespace: string;
  readonly name: string;
  readonly rule: number;
}

export interface AuthzNearJson extends AuthzRuleJson {
  /** Fields that do not hold, each with what it asks for. */
  readonly missing: readonly { readonly field: string; readonly wanted: string; readonly found: string }[];
}

export interface AuthzAnswerJson {
  readonly workload: string;
  readonly decision: 'allowed' | 'denied';
  /** The rule that decided; undefined: nothing matched. */
  readonly decidedBy: AuthzRuleJson | undefined;
  /** In words, when no rule did. */
  readonly reason: string;
  /** Matching CUSTOM policies: a provider would be asked first. */
  readonly asks: readonly (AuthzRuleJson & { readonly provider: string })[];
  /** Rules of dry-run and AUDIT policies that match. */
  readonly notes: readonly AuthzRuleJson[];
  readonly nearest: AuthzNearJson | undefined;
}

export interface MtlsPlanJson {
  /** Seconds of traffic that were looked at. */
  readonly windowSeconds: number;
  readonly namespaces: readonly {
    readonly namespace: string;
    readonly mode: string;
    readonly workloads: number;
    readonly edges: number;
    readonly strictIsSafe: boolean;
    readonly plaintext: readonly {
      readonly source: string;
      readonly destination: string;
      readonly service: string;
      readonly requests: number;
      readonly share: number;
    }[];
  }[];
}
