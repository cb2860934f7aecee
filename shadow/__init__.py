"""What would the other model have said: mirrors, readings, comparisons, and the counters they add up to.

P  `exchange`    one finished request and its answer, as handed over by a data worker
P  `capture`     wire bytes → `Answer`: unary JSON or SSE, per API
P  `answer`      what a model said, independent of the wire
P  `reading`     one value of one signal, or why there is none
P  `signals`     one file per signal
P  `comparison`  exchanges of one request, compared: the counts they add
P  `cells`       the names and arithmetic of evidence counters
P  `sampling`    which exchanges are mirrored, and in which direction
P  `errors`      the error tree of this package
S  `mirror`      asks the other model, within budgets, shedding first
S  `store`       flushes counters to Redis, each vote once
S  `worker`      the shadow process: receive, mirror, compare, flush
"""
