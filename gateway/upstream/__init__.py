"""Asking model servers: an HTTP/1.1 client that does what a data path needs and nothing else.

P  `target`      where a model is asked, and how its request differs from the application's
P  `headers`     which headers pass a proxy, in either direction
P  `prepare`     an application's request → the bytes that go to one model
P  `errors`      the error tree of this package
P  `encoding`    compressed answers, made readable within bounds
P  `unpacking`   Brotli and Zstandard, for `encoding`
P  `breaker`     when a server is left alone, and when it is tried again
P  `choosing`    which of a model's servers is asked
P  `retries`     how often a request may be sent a second time
S  `running`     a coroutine that goes on within the callback it waits for, without a task
S  `timer`       a deadline that moves often and is reached rarely
P  `outgoing`    a request as it goes to one server
S  `exchange`    a request under way, as its caller sees it
S  `uploading`   a body that is sent as it comes
S  `connecting`  opening transports, TLS included
S  `line`        a bounded line of those who wait for a slot
S  `http2`       one HTTP/2 connection, shared by requests
S  `http2_pool`  HTTP/2 connections to one origin; which protocol a server prefers
S  `connection`  one connection: a protocol on an asyncio transport, parsed by llhttp
S  `pool`        the connections to one origin: reuse, bounds, ends
S  `client`      the two verbs, `unary` and `open_stream`, with deadlines and the one safe retry
S  `servers`     the servers of one model, and how each is doing
S  `checks`      asks servers whether they are well
S  `asking`      the same for callers that know a model's name only
"""
