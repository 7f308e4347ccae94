"""gRPC by its own library, for http2.t: HTTP/2 whose answers end in trailers.

  grpc_calls.py origin ADDR CERT KEY         a server on port 443: Echo, Count (many answers), Sum (many requests), Fail, Bad (malware)
  grpc_calls.py client PROXY_PORT CA HOST    calls them through the proxy; TAP lines "ok - …" without numbers
"""
import sys

import grpc

BAD = b"in the middle of a message: " + b"toride-" + b"test-body"  # http2.t has the signature


def fail(request, context):
    context.set_trailing_metadata((("why", "not today"),))
    context.abort(grpc.StatusCode.NOT_FOUND, "nothing of that name")


def origin(addr, cert, key):
    def count(request, context):
        for i in range(int(request)):
            yield b"%d" % i
    unary, stream, client = grpc.unary_unary_rpc_method_handler, grpc.unary_stream_rpc_method_handler, grpc.stream_unary_rpc_method_handler
    from concurrent import futures
    s = grpc.server(futures.ThreadPoolExecutor(4))
    s.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("toride.Test", {
        "Echo": unary(lambda r, c: r), "Count": stream(count), "Sum": client(lambda it, c: b"%d" % sum(int(x) for x in it)),
        "Fail": unary(fail), "Bad": unary(lambda r, c: BAD)}),))
    pair = tuple(open(f, "rb").read() for f in (key, cert))
    assert s.add_secure_port(addr + ":443", grpc.ssl_server_credentials((pair,)))
    s.start()
    print("ready", flush=True)
    s.wait_for_termination()


def client(port, ca, host):
    c = grpc.secure_channel(host + ":443", grpc.ssl_channel_credentials(open(ca, "rb").read()),
                            (("grpc.http_proxy", "http://127.0.0.1:" + port), ("grpc.enable_http_proxy", 1), ("grpc.enable_retries", 0)))

    def call(kind, name, request):
        return getattr(c, kind)("/toride.Test/" + name)(request, timeout=25)

    def told(request, name="Echo"):
        try:
            call("unary_unary", name, request)
            return "answered"
        except grpc.RpcError as e:
            return e
    cases = (
        ("a call and its answer", lambda: call("unary_unary", "Echo", b"hello") == b"hello"),
        ("one of 300,000 bytes", lambda: call("unary_unary", "Echo", b"0123456789" * 30000) == b"0123456789" * 30000),
        ("an answer of many messages", lambda: list(call("unary_stream", "Count", b"50")) == [b"%d" % i for i in range(50)]),
        ("a request of many", lambda: call("stream_unary", "Sum", iter([b"1", b"2", b"39"])) == b"42"),
        ("a status and its words, in trailers", lambda: (lambda e: (e.code(), e.details(), dict(e.trailing_metadata())["why"]))(told(b"x", "Fail")) ==
         (grpc.StatusCode.NOT_FOUND, "nothing of that name", "not today")),
        ("malware in an answer isn't delivered", lambda: told(b"x", "Bad").code() == grpc.StatusCode.PERMISSION_DENIED),
        ("nor sent", lambda: told(BAD).code() == grpc.StatusCode.PERMISSION_DENIED),
    )
    for name, test in cases:
        try:
            ok, why = test(), ""
        except Exception as e:
            ok, why = False, ": " + repr(e).replace("\n", " ")
        print("%s - gRPC: %s%s" % ("ok" if ok else "not ok", name, why), flush=True)


(origin if sys.argv[1] == "origin" else client)(*sys.argv[2:])
