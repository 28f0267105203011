// Network filter envoy.filters.network.set_filter_state: writes formatted values when a connection comes in.

import type { Config } from '#proto/envoy/extensions/filters/network/set_filter_state/v3/set_filter_state_pb.ts';
import { decodeMessage } from '../../apply/decode.ts';
import type { NetworkFilterExtension } from '../../network/filter.ts';
import { factsOf } from '../connection-facts.ts';
import { compileStateValues } from '../state-values.ts';

const TYPE = 'type.googleapis.com/envoy.extensions.filters.network.set_filter_state.v3.Config';

export const networkSetFilterStateExtension: NetworkFilterExtension = {
  name: 'envoy.filters.network.set_filter_state',
  typeUrl: TYPE,
  build: (config, context, filterName) => {
    const values = compileStateValues(
      decodeMessage<Config>(TYPE, config, filterName).onNewConnection,
      `${filterName}.on_new_connection`,
    );
    return {
      name: filterName,
      create: (connection, record) => ({
        onConnection: () => {
          const format = {
            record,
            connection: factsOf(connection),
            requestHead: undefined,
            responseHeaders: undefined,
            nowWallMs: context.clock.wallTime(),
            localReplyBody: '',
            accessLogType: '',
          };
          connection.filterState ??= new Map();
          record.filterState ??= new Map();
          for (const value of values) {
            const text = value.format.format(format);
            if (text === '' && value.skipIfEmpty) continue;
            connection.filterState.set(value.key, { value: text, shared: value.shared });
            record.filterState.set(value.key, text);
          }
          return 'continue';
        },
      }),
    };
  },
};
