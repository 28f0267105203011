// What the agent and the helper in a captured namespace say to each other before the helper becomes the application.

export interface HelperSetup {
  /** For `ip -batch -`. */
  readonly addresses: string;
  /** For `nft -f -`. */
  readonly rules: string;
  readonly dnsPort: number;
  /** The namespace belongs to a user namespace of its own. */
  readonly own: boolean;
  /** Who the application is outside. */
  readonly uid: number;
  readonly gid: number;
}

export interface HelperStart {
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

export type FromHelper =
  | { readonly failed: string }
  | { readonly socket: 'spare' | 'dns' }
  | { readonly socket: 'seed'; readonly port: number };
