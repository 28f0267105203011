// What a filter chain without filters does: it closes whom it takes, as Envoy does.
import type { TerminalFilter } from './filter.ts';

export const CLOSED: TerminalFilter = {
  kind: 'tcp',
  start: (connection) => {
    connection.close('filter_chain_without_filters');
    return { drain: () => {}, holders: () => [] };
  },
};
