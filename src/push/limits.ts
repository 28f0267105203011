// What the control plane keeps for the mesh.

export const PLUGIN_LIMITS = {
  /** Bytes of all modules of WasmPlugins: each is also sent to every proxy that runs it. */
  modulesBytesMax: 256 * 1024 * 1024,
} as const;
