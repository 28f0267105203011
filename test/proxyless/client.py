# A gRPC client without a proxy: Python's grpcio (gRPC's C core). Takes orders as client.ts does.
import json
import sys

import grpc
import grpc.experimental

DEADLINE_S = 60
channel = grpc.secure_channel(sys.argv[1], grpc.xds_channel_credentials(grpc.experimental.insecure_channel_credentials()))
who = channel.unary_unary("/t.Greeter/Who")

print("{}", flush=True)
for line in sys.stdin:
    order = json.loads(line)
    counts = {}
    for _ in range(order["count"]):
        try:
            answer = who(b"", timeout=DEADLINE_S, metadata=list(order["headers"].items())).decode()
        except grpc.RpcError as error:
            answer = f"failed: {error.code()} {error.details()}"
        counts[answer] = counts.get(answer, 0) + 1
    print(json.dumps(counts), flush=True)
