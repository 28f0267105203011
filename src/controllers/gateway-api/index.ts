// The Gateway API as configuration of the mesh.
export * from './types.ts';
export * from './convert.ts';
export * from './gateway-api-controller.ts';
