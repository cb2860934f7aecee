"""The configuration file: read with positions, checked, resolved.

S  `load`        file → `Config`, with every problem named by file, line and column
P  `document`    YAML nodes → plain data and the position of every path
P  `variants`    models that extend other models
P  `crosscheck`  what one section says about another
P  `complaints`  pydantic's errors → sentences that say what to do
P  `model`       the configuration as values
P  `plans`       plans as written, their defaults, and how they become `rollback.plan.Plan`
P  `labels`      who says what answers mean: review and judge
P  `fields`      the types of single options
P  `hours`       hours of the week as written
P  `inline`      a plan, or budgets, apart from a configuration
P  `addresses`   listeners, model servers, Redis, webhooks
P  `units`       `20%`, `2pp`, `3x`, `5m`, `200k`, `10MiB`, `+1pp..+6pp`
P  `starter`     the commented file that `driftgate init` writes
P  `schema`      `driftgate.schema.json` for editors
P  `errors`      the error tree of this package
P  `keyfile`     changing a key's hash in a file, and nothing else of it
"""
