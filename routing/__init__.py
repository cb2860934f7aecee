"""Who gets which model: the vocabulary that every other package speaks.

P  `arms`        the two arms, and what a model server is
P  `bucketing`   one keyed hash per purpose: bucket, sample, vote, round, audit
P  `exposure`    grants, generations, and the route a worker serves from
P  `assignment`  which arm a key gets, and why
P  `request`     the routing fields of a body, and the splice of its model
P  `keys`        the names of everything kept in Redis
P  `errors`      the error tree of this package
S  `store`       reads exposure from Redis, with bounded waits
"""
