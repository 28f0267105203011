// FractionalPercent and durations of configuration as plain numbers.

import type { Duration } from '@bufbuild/protobuf/wkt';
import type { RuntimeFractionalPercent } from '#proto/envoy/config/core/v3/base_pb.ts';
import type { FractionalPercent } from '#proto/envoy/type/v3/percent_pb.ts';

const DENOMINATORS = [100, 10_000, 1_000_000] as const;

/** In [0, 1]. `undefined` in gives `whenMissing`. */
export function fractionOf(percent: FractionalPercent | undefined, whenMissing: number): number {
  if (percent === undefined) return whenMissing;
  return Math.min(1, percent.numerator / (DENOMINATORS[percent.denominator as 0 | 1 | 2] ?? 100));
}

/** There is no runtime layer: the default value counts. */
export function runtimeFractionOf(percent: RuntimeFractionalPercent | undefined, whenMissing: number): number {
  if (percent === undefined) return whenMissing;
  return fractionOf(percent.defaultValue, 0);
}

export function millisOf(duration: Duration): number;
export function millisOf(duration: Duration | undefined): number | undefined;
export function millisOf(duration: Duration | undefined): number | undefined {
  if (duration === undefined) return undefined;
  return Number(duration.seconds) * 1000 + duration.nanos / 1e6;
}
