"""The judge: evidence → verdict → decision, and the shell that carries decisions out.

P  `plan`        stages, budgets, and the tests that a budget asks for
P  `rollout`     the rollout document
P  `phases`      the phase machine, as one table
P  `sequential`  the betting primitive of every test
P  `evidence`    cells → log e-values, estimates and bounds
P  `verdict`     what the evidence says of one test
P  `decision`    what to do: one pure function, with reasons
P  `errors`      the error tree of this package
S  `store`       the rollout's state in Redis: fenced transitions, leases, audit
S  `journal`     the local file that a rollback survives in when Redis does not
S  `controller`  the loop: read, decide, commit, notify
"""
