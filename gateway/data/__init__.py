"""The data worker: applications' requests in, models' answers out. Never Litestar or httpx here.

P  `api`         the routes, and how each API words errors, whole or within a stream
P  `incoming`    what a request's headers say, read in one pass
P  `sticky`      which key a request is assigned, counted and sliced by
P  `firstbyte`   how long a candidate may take to its first byte, learned from stable
P  `events`      the first event of a stream: is it an answer or an error
P  `presenting`  the endpoint's name in place of the answer's `model`
P  `origins`     which model made which response, for `previous_response_id`
S  `elsewhere`   what other gateways know of that
P  `table`       the routes that this worker serves from, swapped whole
P  `tally`       the worker's own counters and histograms, for /metrics
S  `draft`       what is noted of one request while it is served
S  `proxy`       assign, forward, fall back, relay
S  `passthrough`  other paths, to the stable model, unbuffered and untouched
S  `app`         the application: auth, parsing, and the small routes
S  `cycle`       one request and its answer on a connection: what the application reads and writes
S  `protocol`    a client's connection: HTTP/1.1, limits, deadlines, and an end to what is done for who left
S  `room`        what is left of file descriptors and of turns of the loop
S  `server`      listening, and draining at the end
S  `tracing`     which requests are traced, and what is noted of them
S  `record`      what becomes of a finished request
S  `handover`    finished exchanges to the shadow worker, never waiting
S  `counts`      request counts to Redis, each batch once
S  `worker`      the role's main function
"""
