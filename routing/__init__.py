"""Who gets which model: the vocabulary that every other package speaks.

P  `arms`        the two arms, and what a model server is
P  `purposes`    what hashes decide
P  `bucketing`   one keyed hash per purpose: bucket, sample, vote, round, audit
P  `exposure`    grants, generations, and the route a worker serves from
P  `stored`      leases and generations as they are stored, for two versions at once
P  `assignment`  which arm a key gets, and why
P  `crowding`    the cap on actual exposure: keys so big that one would be the canary
P  `request`     the routing fields of a body, and what variants change in it
P  `model_name`  where a body names its model, and the splice of another name
P  `names`       the names of everything kept in Redis
P  `wording`     weights, times and sums as people read them
P  `address`     where Redis is: one URL of five kinds
P  `breaker`     when not to ask a server at all
P  `errors`      the error tree of this package
S  `link`        one process's way to Redis: bounded waits, no retries, a breaker
S  `sentinel`    finds the server that the Sentinels call the master
S  `cluster`     finds the node of a Cluster that has a key
S  `connecting`  from an address to a link
S  `made_store`  which model made which response, for other gateways
S  `store`       reads exposure from Redis
"""
