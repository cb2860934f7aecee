"""The command line: `driftgate …`.

S  `main`      the entry point, and the one place where an error becomes a sentence and an exit code
S  `ondemand`  commands that are imported when they are asked for
S  `local`     `init`, `check`: files, no gateway needed
S  `apikeys`   `key create`, `list`, `rotate`, `revoke`
S  `examining` `doctor`
S  `serving`   `serve` and `demo`
S  `rollouts`  `start`, `retry`, `pause`, `resume`, `promote`, `approve`, `rollback`
S  `freezing`  `freeze`, `unfreeze`
S  `applying`  `apply`: rollouts as files
S  `looking`   `status`, `list`, `history`, `explain`
S  `planning`  `plan`: what a rollout would take
S  `replaying` `replay`: recorded pairs, and exported decisions
S  `waiting`   `status --watch` and `status --wait`
S  `client`    the admin API, asked over HTTP
P  `wire`      what the admin API answers, as values
P  `showing`   values as text and tables
S  `printing`  standard output: JSON, or text that a pipe can take
P  `errors`    the error tree, and the exit codes
P  `options`   options that several commands share
"""
