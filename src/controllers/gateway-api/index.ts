// The Gateway API as configuration of the mesh.
export * from './resources.ts';
export * from './convert.ts';
export * from './gateway-api-controller.ts';
