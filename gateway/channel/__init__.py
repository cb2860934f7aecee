"""The control channel: how the control process and the workers of one gateway talk, with Redis gone too.

P  `messages`  the frames: what each side may say
P  `series`    names of counters, and how those of many processes become one
S  `line`      one connection
S  `server`    the control process's end
S  `client`    a worker's end
"""
