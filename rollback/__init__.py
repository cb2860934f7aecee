"""The judge: evidence → verdict → decision, and the shell that carries decisions out.

P  `plan`        stages and budgets
P  `differences` how two plans differ, in words
P  `rollout`     one rollout, and the lease that it allows
P  `document`    a rollout as it is stored, and what versions make of one another's
P  `phases`      the phase machine, as one table, and the moves through it
P  `commands`    what an operator may do
P  `freeze`      for a time, nothing gains exposure
P  `hours`       the hours of the week in which widening is allowed
P  `budget`      budgets → tests, each with its share of alpha
P  `sequential`  the betting primitive of every test
P  `layouts`     where each counter stands among the names
P  `ledger`      counters, sorted by what they count
P  `tallies`     counters → the observations of one test
P  `references`  stable's quantiles, frozen between stages
P  `cases`       one test on one slice: estimate, bounds, log e-values
P  `onset`       harm that begins late
P  `mismatch`    arms out of proportion, and answers that are missing on one of them
P  `evidence`    cases → the table of signals
P  `refusals`    how refusals changed, both directions, with the detector's own errors
P  `audited`     that change, corrected by what people said of a sample
P  `triggers`    what leads to a rollback, in one word
P  `verdict`     one row of that table
P  `some_slice`  harm in some slice, of many
P  `readiness`   what a stage lacks before it may widen
P  `ahead`       when the next stage may come, for people
P  `bursts`      hard failures of the last seconds
P  `sentences`   numbers in words
P  `decision`    what to do: one pure function, with reasons
P  `profiles`    an endpoint's traffic, and how stable behaves by itself
P  `forecast`    what a plan will take, before it starts
P  `money`       a forecast in money
P  `forecast_streams`  what a stage would observe under a supposed drift
P  `forecast_runs`  supposed rollouts, drawn many at a time
P  `audit`       the entry of one transition, with the counters it was decided on
P  `again`       a decision judged again from its audit entry
P  `recorded`    recorded pairs, judged offline
P  `recall`      what to do when Redis knows less than the journal
P  `carrying`    carrying a transition out, in the one order that can be interrupted anywhere
P  `watching`    what the controller last saw of an endpoint
P  `errors`      the error tree of this package
P  `scripts`     the scripts of `store`
S  `audit_store`  reading the audit stream
S  `store`       the rollout's state in Redis: fenced transitions, leases, audit
P  `store_memory`  its in-memory twin, for tests
S  `journal`     the local file that a rollback survives in when Redis does not
S  `controller`  the loop: read, decide, commit, notify
"""
