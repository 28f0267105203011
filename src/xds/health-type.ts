// Istio's agents report their workload's health as a request of this type, which has no answer.

export const HEALTH_TYPE = 'type.googleapis.com/istio.v1.HealthInformation';
