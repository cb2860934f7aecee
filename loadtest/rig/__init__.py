"""What a gateway is set up in to be measured: its processes, model servers that replay recordings, an application.

P  `recordings`     what a model once said, and the bytes of each answer
P  `invented`       recordings that need no data from anywhere
S  `replay_server`  a model server that says what was recorded
S  `ports`          ports for servers that bind theirs themselves
S  `processes`      the processes of a load test, which end with it
S  `compiled`       the compiled data path, where there is one of these sources
S  `accounting`     CPU, memory and descriptors of processes
S  `asking`         a small HTTP client of its own, not the code under test
S  `pair`           two model servers, applications that ask, and waiting
S  `application`    asks every recorded prompt, and compares each answer's bytes
"""
