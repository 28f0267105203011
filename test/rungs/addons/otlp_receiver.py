# Takes spans over OTLP (gRPC on PORT, HTTP on HTTP_PORT) with OpenTelemetry's own messages, and prints each as a line of JSON.
import json
import sys
import threading
from concurrent import futures
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc

PORT, HTTP_PORT = int(sys.argv[1]), int(sys.argv[2])
lock = threading.Lock()


def show(request, over):
    lines = []
    for resource_spans in request.resource_spans:
        resource = {a.key: a.value.string_value for a in resource_spans.resource.attributes}
        for scope_spans in resource_spans.scope_spans:
            for span in scope_spans.spans:
                assert len(span.trace_id) == 16 and len(span.span_id) == 8
                assert span.end_time_unix_nano >= span.start_time_unix_nano > 0
                lines.append(json.dumps({
                    "over": over,
                    "service": resource.get("service.name", ""),
                    "name": span.name,
                    "kind": span.kind,
                    "traceId": span.trace_id.hex(),
                    "spanId": span.span_id.hex(),
                    "parentSpanId": span.parent_span_id.hex(),
                    "attributes": {a.key: a.value.string_value for a in span.attributes},
                }))
    with lock:
        for line in lines:
            print(line, flush=True)


class Traces(trace_service_pb2_grpc.TraceServiceServicer):
    def Export(self, request, context):
        show(request, "grpc")
        return trace_service_pb2.ExportTraceServiceResponse()


class Http(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        good = self.path == "/v1/traces" and self.headers["content-type"] == "application/x-protobuf"
        if good:
            show(trace_service_pb2.ExportTraceServiceRequest.FromString(body), "http")
        self.send_response(200 if good else 400)
        self.send_header("content-type", "application/x-protobuf")
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


server = grpc.server(futures.ThreadPoolExecutor(4))
trace_service_pb2_grpc.add_TraceServiceServicer_to_server(Traces(), server)
assert server.add_insecure_port(f"127.0.0.1:{PORT}") == PORT
server.start()
http = ThreadingHTTPServer(("127.0.0.1", HTTP_PORT), Http)
print("ready", flush=True)
http.serve_forever()
