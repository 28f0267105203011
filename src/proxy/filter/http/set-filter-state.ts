// HTTP filter envoy.filters.http.set_filter_state: writes formatted values under filter state keys.

import type { Config } from '#proto/envoy/extensions/filters/http/set_filter_state/v3/set_filter_state_pb.ts';
import type { RequestHead } from '#wire/http';
import { decodeMessage } from '../../apply/decode.ts';
import type { FilterCallbacks, FilterStatus, HttpFilter, HttpFilterExtension } from '../../http/filter.ts';
import { compileStateValues, type StateValue } from '../state-values.ts';
import { streamContext } from '../stream-context.ts';

const TYPE = 'type.googleapis.com/envoy.extensions.filters.http.set_filter_state.v3.Config';

class SetFilterState implements HttpFilter {
  readonly #callbacks: FilterCallbacks;
  readonly #values: readonly StateValue[];
  readonly #wallTime: () => number;

  constructor(callbacks: FilterCallbacks, values: readonly StateValue[], wallTime: () => number) {
    this.#callbacks = callbacks;
    this.#values = values;
    this.#wallTime = wallTime;
  }

  requestHead(head: RequestHead): FilterStatus {
    const { record } = this.#callbacks;
    const context = streamContext(this.#callbacks, head, this.#wallTime());
    record.filterState ??= new Map();
    for (const { key, format, skipIfEmpty } of this.#values) {
      const value = format.format(context);
      if (value !== '' || !skipIfEmpty) record.filterState.set(key, value);
    }
    return 'continue';
  }
}

export const setFilterStateExtension: HttpFilterExtension = {
  name: 'envoy.filters.http.set_filter_state',
  typeUrl: TYPE,
  build: (config, context, filterName) => {
    const own = compileStateValues(
      decodeMessage<Config>(TYPE, config, filterName).onRequestHeaders,
      `${filterName}.on_request_headers`,
    );
    const wallTime = (): number => context.clock.wallTime();
    return {
      name: filterName,
      create: (callbacks) =>
        new SetFilterState(
          callbacks,
          [...own, ...((callbacks.route?.perFilterConfig(filterName) as readonly StateValue[] | undefined) ?? [])],
          wallTime,
        ),
    };
  },
  routeConfig: (config) =>
    compileStateValues(
      decodeMessage<Config>(TYPE, config, 'typed_per_filter_config').onRequestHeaders,
      'typed_per_filter_config.on_request_headers',
    ),
};
