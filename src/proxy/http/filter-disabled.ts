// Stands in a route's filter configuration for "this filter is off here" (FilterConfig.disabled).

export const FILTER_DISABLED: unique symbol = Symbol('filter disabled');
