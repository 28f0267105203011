# The gRPC project's TestService on Python's grpcio, with messages as bytes: "<json>\n<body>". Prints its port.
import json
import sys
import threading
import time
from concurrent import futures

import grpc

active = 0
lock = threading.Lock()


def read(message):
    head, _, body = message.partition(b"\n")
    return (json.loads(head) if head else {}), body


def write(length, **head):
    return json.dumps(head).encode() + b"\n" + b"\0" * length


def entered(context):
    global active
    with lock:
        active += 1

    def left():
        global active
        with lock:
            active -= 1

    if not context.add_callback(left):
        left()
    metadata = dict(context.invocation_metadata())
    if "x-grpc-test-echo-initial" in metadata:
        context.send_initial_metadata((("x-grpc-test-echo-initial", metadata["x-grpc-test-echo-initial"]),))
    if "x-grpc-test-echo-trailing-bin" in metadata:
        context.set_trailing_metadata((("x-grpc-test-echo-trailing-bin", metadata["x-grpc-test-echo-trailing-bin"]),))


def status(head, context):
    asked = head.get("status")
    if asked:
        code = next(c for c in grpc.StatusCode if c.value[0] == asked["code"])
        context.abort(code, asked["message"])


def empty_call(request, context):
    entered(context)
    return b""


def unary_call(request, context):
    entered(context)
    head, _ = read(request)
    status(head, context)
    return write(head.get("size", 0))


def streaming_input(requests, context):
    entered(context)
    return write(0, total=sum(len(read(r)[1]) for r in requests))


def streaming_output(request, context):
    entered(context)
    head, _ = read(request)
    for size in head.get("sizes", []):
        yield write(size)


def full_duplex(requests, context):
    entered(context)
    for request in requests:
        head, _ = read(request)
        status(head, context)
        if "sleep" in head:
            time.sleep(head["sleep"])
        for size in head.get("sizes", []):
            yield write(size)


def count_active(request, context):
    return write(0, active=active)


S = "/grpc.testing.TestService/"
METHODS = {
    S + "EmptyCall": grpc.unary_unary_rpc_method_handler(empty_call),
    S + "UnaryCall": grpc.unary_unary_rpc_method_handler(unary_call),
    S + "StreamingInputCall": grpc.stream_unary_rpc_method_handler(streaming_input),
    S + "StreamingOutputCall": grpc.unary_stream_rpc_method_handler(streaming_output),
    S + "FullDuplexCall": grpc.stream_stream_rpc_method_handler(full_duplex),
    S + "Active": grpc.unary_unary_rpc_method_handler(count_active),
}


class Handler(grpc.GenericRpcHandler):
    def service(self, details):
        return METHODS.get(details.method)


server = grpc.server(futures.ThreadPoolExecutor(max_workers=16), handlers=[Handler()])
port = server.add_insecure_port("127.0.0.1:0")
server.start()
print(port, flush=True)
sys.stdin.read()
server.stop(0)
