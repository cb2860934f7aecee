"""One gateway's processes: started in order, watched, started again, stopped in order.

P  `backoff`    how long to wait before a child is started again
P  `changes`    what a new configuration may not change while a gateway serves
P  `errors`     the error tree of this package
S  `places`     the locked state directory and the short runtime directory
S  `listeners`  the listening sockets, made here and kept here
S  `keeper`     one child: start it, wait until it is ready, start it again
S  `family`     the children of one generation of the configuration
S  `reloading`  reading the configuration again, and whether it may be applied
S  `main`       `driftgate serve`: all of them together
"""
