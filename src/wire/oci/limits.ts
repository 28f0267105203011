// What a registry may send.

export const OCI_LIMITS = {
  /** Bytes of a manifest: the distribution spec lets registries refuse larger ones. */
  manifestBytesMax: 4 * 1024 * 1024,
  /** Bytes of an answer with a token in it. */
  tokenBytesMax: 64 * 1024,
  /** Layers of an image, or manifests of an index, that are looked at. */
  descriptorsMax: 256,
  /** Bytes of an unpacked layer beside the module: heads and padding. */
  tarOverheadBytes: 1024 * 1024,
} as const;
