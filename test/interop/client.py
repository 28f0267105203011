# The gRPC project's interop cases by Python's grpcio against the target given; prints one JSON line for each case.
import json
import sys
import time
import traceback

import grpc

channel = grpc.insecure_channel(sys.argv[1])
S = "/grpc.testing.TestService/"
INITIAL = "x-grpc-test-echo-initial"
TRAILING = "x-grpc-test-echo-trailing-bin"
SPECIAL = "\t\ntest with whitespace\r\nand Unicode BMP \u263a and non-BMP \U0001f608\t\n"
WAIT = 60


def write(length=0, **head):
    return json.dumps(head).encode() + b"\n" + b"\0" * length


def body(message):
    return len(message.partition(b"\n")[2])


def unary(method, request, **more):
    return channel.unary_unary(method)(request, timeout=WAIT, **more)


def duplex(requests, **more):
    return channel.stream_stream(S + "FullDuplexCall")(iter(requests), **{"timeout": WAIT, **more})


def code_of(call):
    try:
        call()
    except grpc.RpcError as error:
        return error.code(), error.details()
    return grpc.StatusCode.OK, ""


def empty_unary():
    assert unary(S + "EmptyCall", b"") == b""


def large_unary():
    assert body(unary(S + "UnaryCall", write(271828, size=314159))) == 314159


def client_streaming():
    sizes = [27182, 8, 1828, 45904]
    answer = channel.stream_unary(S + "StreamingInputCall")(iter([write(n) for n in sizes]), timeout=WAIT)
    assert json.loads(answer.partition(b"\n")[0])["total"] == 74922


def server_streaming():
    sizes = [31415, 9, 2653, 58979]
    answers = channel.unary_stream(S + "StreamingOutputCall")(write(sizes=sizes), timeout=WAIT)
    assert [body(a) for a in answers] == sizes


def ping_pong():
    import queue

    asks = queue.Queue()
    call = duplex(iter(asks.get, None))
    for ask, answer in ((27182, 31415), (8, 9), (1828, 2653), (45904, 58979)):
        asks.put(write(ask, sizes=[answer]))
        assert body(next(call)) == answer
    asks.put(None)
    assert list(call) == []


def empty_stream():
    assert list(duplex([])) == []


def cancel_after_begin():
    import threading

    never = threading.Event()

    def requests():
        never.wait(WAIT)
        yield from ()

    call = channel.stream_unary(S + "StreamingInputCall").future(requests(), timeout=WAIT)
    call.cancel()
    never.set()
    assert call.cancelled() and call.code() == grpc.StatusCode.CANCELLED


def cancel_after_first_response():
    import queue

    asks = queue.Queue()
    call = duplex(iter(asks.get, None))
    asks.put(write(27182, sizes=[31415]))
    assert body(next(call)) == 31415
    call.cancel()
    asks.put(None)
    assert code_of(lambda: list(call))[0] == grpc.StatusCode.CANCELLED


def timeout_on_sleeping_server():
    code, _ = code_of(lambda: list(duplex([write(27182, sleep=0.5, sizes=[1])], timeout=0.001)))
    assert code == grpc.StatusCode.DEADLINE_EXCEEDED, code
    code, _ = code_of(lambda: list(duplex([write(27182, sleep=3, sizes=[1])], timeout=0.5)))
    assert code == grpc.StatusCode.DEADLINE_EXCEEDED, code


def status_code_and_message(message="test status message"):
    ask = write(status={"code": 2, "message": message})
    for call in (lambda: unary(S + "UnaryCall", ask), lambda: list(duplex([ask]))):
        assert code_of(call) == (grpc.StatusCode.UNKNOWN, message), code_of(call)


def special_status_message():
    status_code_and_message(SPECIAL)


def custom_metadata():
    metadata = ((INITIAL, "test_initial_metadata_value"), (TRAILING, b"\xab\xab\xab"))
    _, call = channel.unary_unary(S + "UnaryCall").with_call(write(271828, size=314159), timeout=WAIT, metadata=metadata)
    stream = duplex([write(271828, sizes=[314159])], metadata=metadata)
    assert [body(a) for a in stream] == [314159]
    for one in (call, stream):
        assert dict(one.initial_metadata()).get(INITIAL) == "test_initial_metadata_value"
        assert dict(one.trailing_metadata()).get(TRAILING) == b"\xab\xab\xab"


def unimplemented_method():
    assert code_of(lambda: unary(S + "UnimplementedCall", b""))[0] == grpc.StatusCode.UNIMPLEMENTED


def unimplemented_service():
    assert code_of(lambda: unary("/grpc.testing.UnimplementedService/UnimplementedCall", b""))[0] == grpc.StatusCode.UNIMPLEMENTED


def nothing_left():
    for _ in range(900):
        left = json.loads(unary(S + "Active", b"").partition(b"\n")[0])["active"]
        if left == 0:
            return
        time.sleep(0.1)
    raise AssertionError(f"{left} calls go on at the server")


for case in (
    empty_unary,
    large_unary,
    client_streaming,
    server_streaming,
    ping_pong,
    empty_stream,
    cancel_after_begin,
    cancel_after_first_response,
    timeout_on_sleeping_server,
    status_code_and_message,
    special_status_message,
    custom_metadata,
    unimplemented_method,
    unimplemented_service,
    nothing_left,
):
    problem = ""
    try:
        case()
    except BaseException:
        problem = traceback.format_exc()
    print(json.dumps({"case": case.__name__, "problem": problem}), flush=True)
