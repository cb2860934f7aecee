"""The running demo, and what people do with it.

S  `running`    the demo as a child process, and waiting for its rollouts
S  `newcomer`   a stopwatch from the clone to the first rollback
S  `operating`  the tasks of somebody who is paged, timed
"""
