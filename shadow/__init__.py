"""What would the other model have said: mirrors, readings, comparisons, and the counters they add up to.

P  `exchange`    one finished request and its answer, as handed over by a data worker
P  `wire`        the APIs' wire formats, read tolerantly
P  `capture`     wire bytes → `Ask` and `Answer`
P  `answer`      what a model said, independent of the wire
P  `reading`     one value of one signal, or why there is none
P  `signals`     one file per signal
P  `tasks`       what kind of task a request is
P  `languages`   the language of a text, where it can be told
P  `comparison`  exchanges of one request, compared: the counts they add
P  `casting`     from what was observed of a request to the cells of its vote
P  `cells`       the names and arithmetic of evidence counters
P  `windows`     in which window of time a request was assigned
P  `units`       sticky keys, counted at the points that their first request came to
P  `job`         one exchange on its way to being mirrored
P  `sampling`    which exchanges are mirrored, and in which direction
P  `slices`      the names of an exchange's slices, bounded in number
P  `tenants`     how much of the evidence one tenant may be
P  `pacing`      how fast the mirror may ask
P  `batching`    votes and counts on their way to the store
P  `redaction`   takes out of a text what points to a person
P  `review`      pairs kept for a label
P  `spending`    what answers cost
P  `judge`       which comparisons a judge model is asked about, and the questions
P  `errors`      the error tree of this package
S  `mirror`      asks the other model, within budgets, shedding first
S  `store`       flushes counters to Redis, each vote once
S  `review_store`  where kept pairs wait
S  `judging`     asks the judge model, within its calls a minute
S  `labelling`   lets the judge model label kept pairs
S  `triples`     from a triple of answers to its vote
S  `intake`      receives frames from the data workers, bounded in bytes
S  `means`       what the worker works with beyond its own process
S  `worker`      the shadow process: receive, mirror, compare, flush
"""
