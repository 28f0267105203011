// Writes topsail.telemetry.v1.AgentReport (proto/own/topsail/telemetry/v1/telemetry.proto) without a protobuf runtime.
import { ProtoWriter } from '#proto/light.ts';
import type { EdgeSampleInit, RouteSampleInit, SummaryInit } from '#telemetry';

export interface HelloFacts {
  readonly nodeId: string;
  readonly workload: string;
  readonly namespace: string;
  readonly canonicalService: string;
  readonly version: string;
  readonly proxyVersion: string;
  readonly capture: string;
}

export function encodeHello(hello: HelloFacts): Uint8Array {
  const texts = [
    hello.nodeId,
    hello.workload,
    hello.namespace,
    hello.canonicalService,
    hello.version,
    hello.proxyVersion,
    hello.capture,
  ];
  return new ProtoWriter()
    .message(1, (w) => {
      for (const [i, text] of texts.entries()) w.stringField(i + 1, text);
    })
    .finish();
}

export function encodeSummary(summary: SummaryInit): Uint8Array {
  return new ProtoWriter(1024)
    .message(2, (w) => {
      const { at, health } = summary;
      if (at !== undefined) {
        w.message(1, (t) => {
          integer(t, 1, at.seconds ?? 0n);
          integer(t, 2, BigInt(at.nanos ?? 0));
        });
      }
      for (const edge of summary.edges ?? []) w.message(2, (e) => writeEdge(e, edge as EdgeSampleInit));
      integer(w, 3, summary.droppedEdges ?? 0n);
      for (const route of summary.routes ?? []) w.message(5, (r) => writeRoute(r, route as RouteSampleInit));
      if (health === undefined) return;
      w.message(4, (h) => {
        double(h, 1, health.cpuSeconds ?? 0);
        integer(h, 2, health.rssBytes ?? 0n);
        integer(h, 3, health.activeConnections ?? 0n);
        integer(h, 4, health.activeRequests ?? 0n);
      });
    })
    .finish();
}

function writeEdge(w: ProtoWriter, edge: EdgeSampleInit): void {
  w.stringField(1, edge.reporter ?? '');
  writePeer(w, 2, edge.source);
  writePeer(w, 3, edge.destination);
  w.stringField(4, edge.destinationService ?? '').stringField(5, edge.protocol ?? '');
  integer(w, 6, edge.mtls === true ? 1n : 0n);
  const counts = [
    edge.requests,
    edge.failures,
    edge.bytesSent,
    edge.bytesReceived,
    edge.connectionsOpened,
    edge.connectionsClosed,
  ];
  for (const [i, n] of counts.entries()) integer(w, i + 7, n ?? 0n);
  writePacked(w, 13, edge.latencyCounts ?? []);
  double(w, 14, edge.latencySumMs ?? 0);
  writeCounts(w, 15, edge.codes ?? {});
  writeCounts(w, 16, edge.flags ?? {});
  integer(w, 17, edge.denied ?? 0n);
  writeCounts(w, 18, edge.denials ?? {});
  double(w, 19, edge.latencyMaxMs ?? 0);
  writeCounts(w, 20, edge.faults ?? {});
}

function writeRoute(w: ProtoWriter, route: RouteSampleInit): void {
  w.stringField(1, route.virtualHost ?? '')
    .stringField(2, route.route ?? '')
    .stringField(3, route.service ?? '');
  integer(w, 4, route.requests ?? 0n);
  integer(w, 5, route.failures ?? 0n);
  writePacked(w, 6, route.latencyCounts ?? []);
  double(w, 7, route.latencyMaxMs ?? 0);
}

function writePacked(w: ProtoWriter, field: number, values: readonly bigint[]): void {
  if (values.length === 0) return;
  w.message(field, (packed) => {
    for (const n of values) packed.varint64(n);
  });
}

function writePeer(w: ProtoWriter, field: number, peer: EdgeSampleInit['source']): void {
  if (peer === undefined) return;
  const texts = [
    peer.workload,
    peer.namespace,
    peer.canonicalService,
    peer.canonicalRevision,
    peer.principal,
    peer.app,
    peer.version,
    peer.cluster,
  ];
  w.message(field, (inner) => {
    for (const [i, text] of texts.entries()) inner.stringField(i + 1, text ?? '');
  });
}

function writeCounts(w: ProtoWriter, field: number, counts: Readonly<Record<string, bigint>>): void {
  for (const [key, n] of Object.entries(counts)) {
    w.message(field, (entry) => {
      entry.stringField(1, key);
      integer(entry, 2, n);
    });
  }
}

/** Zero is left out, as proto3 does. */
function integer(w: ProtoWriter, field: number, value: bigint): void {
  if (value !== 0n) w.tag(field, 0).varint64(value);
}

function double(w: ProtoWriter, field: number, value: number): void {
  if (value !== 0) w.tag(field, 1).double(value);
}

export function encodeTap(subscription: bigint, json: string): Uint8Array {
  return new ProtoWriter(json.length + 16)
    .message(3, (w) => {
      integer(w, 1, subscription);
      w.stringField(2, json);
    })
    .finish();
}
