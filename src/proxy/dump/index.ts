// /config_dump by itself: what the process loads that renders it, and nothing else of the proxy.
export { readDumpOrder, type DumpOrder, isRefusal } from './dump-order.ts';
export type { DumpApart, DumpedKind, DumpedResource, DumpView } from './dump-view.ts';
export { type DumpParcel, ParcelReader } from './parcel.ts';
export { renderDump } from './config-dump.ts';
