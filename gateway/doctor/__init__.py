"""`driftgate doctor`: looks at everything that a gateway needs, and says of each failing part what to do.

It changes nothing and starts nothing. What it asks of others is a small answer of each model, and a few reads.

P  `finding`   one thing that was looked at: well, worth a look, or failing, and what to do
S  `here`      this machine: configuration, keys, state directory, journal, ports
S  `models`    every model, asked for a small answer
S  `redis`     the server that keeps state, its clock, and whether it knows what the journal knows
S  `admin`     the running gateway, by its admin listener
S  `main`      all of it in order
"""
