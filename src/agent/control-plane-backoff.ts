// How long an agent waits between attempts to reach the control plane. gRPC's own two minutes would outlast the minute
// for which a restarted control plane waits for the workloads that it knew: together with the pause between two xDS
// streams (45 s at most) an agent has to be back before that.
import type { BackoffOptions } from '#wire/grpc';

export const CONTROL_PLANE_BACKOFF: BackoffOptions = { initialMs: 500, maxMs: 5_000, factor: 1.6, jitter: 0.3 };
