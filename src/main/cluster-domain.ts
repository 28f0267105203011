// The DNS domain of services. It is no trust domain: identities are of MeshConfig's `trustDomain`, which has the same default.

export const CLUSTER_DOMAIN = 'cluster.local';
