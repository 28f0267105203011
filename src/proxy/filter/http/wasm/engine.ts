// The engine's own WebAssembly API, as far as it is used here: neither the language's library nor Node's types describe it whole.

export interface EngineMemory {
  readonly buffer: ArrayBuffer;
}
export interface EngineGlobal {
  value: number;
}
export interface EngineTable {
  set(index: number, value: unknown): void;
}
/** Compiled code; the engine's, and opaque. */
export interface EngineModule {
  readonly [Symbol.toStringTag]?: string;
}
interface Engine {
  readonly Memory: new (descriptor: { readonly initial: number }) => EngineMemory;
  readonly Module: {
    imports(module: EngineModule): readonly { readonly module: string; readonly name: string; readonly kind: string }[];
    exports(module: EngineModule): readonly { readonly name: string; readonly kind: string }[];
  };
  compile(bytes: Uint8Array): Promise<EngineModule>;
  instantiate(
    module: EngineModule,
    imports: Readonly<Record<string, Readonly<Record<string, unknown>>>>,
  ): Promise<{ readonly exports: Readonly<Record<string, unknown>> }>;
}

export const engine = (globalThis as unknown as { readonly WebAssembly: Engine }).WebAssembly;
