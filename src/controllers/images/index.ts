// Images without Docker: archives, layers, and what Topsail's own hold.
export * from './image-name.ts';
export * from './oci-image.ts';
export * from './rootfs.ts';
export * from './tar.ts';
