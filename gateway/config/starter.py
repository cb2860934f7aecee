"""The commented file that `driftgate init` writes. It passes `driftgate check` as it is."""

from typing import Final

TEXT: Final = """\
# driftgate. Check it with `driftgate check driftgate.yaml`, serve it with `driftgate serve -c driftgate.yaml`.
# ${NAME} is an environment variable, ${NAME:-text} one with a default. Every option has its unit: 5m, 20%, 2pp, 3x.

listen:
  data: 127.0.0.1:8080            # applications ask here: POST /v1/chat/completions
  admin: 127.0.0.1:8081           # the command line, the dashboard and /metrics

# workers: auto                   # data workers; auto is one per core
# state_dir: ~/.local/state/driftgate
# redis: {url: embedded}          # or redis://… or rediss://…, shared by several gateways

models:                           # what can be an arm: a model server, and how it is asked
  model-a:
    base_url: http://127.0.0.1:8000/v1
    # model: its-name-there       # default: the name of this entry
    # api_key: ${MODEL_KEY}
  model-b:
    base_url: http://127.0.0.1:8001/v1
  # model-a-terse: {extends: model-a, overrides: {temperature: 0.2}, system_prompt: terse.txt}

endpoints:                        # what applications ask for by `model`
  chat:
    stable: model-a               # the first stable; a promotion replaces it, and is remembered elsewhere
    sticky_by: [header:x-user-id, body:user, conversation]   # who stays on the same side
    shadow: {sample: 20%, noise_floor: 2%}                   # share that is mirrored; share sent to stable twice

# A rollout takes the plan `default`, which is built in: 0 → 1 → 10 → 50 → 100 %, alpha 5 %. Yours could begin so:
# plans:
#   fast:
#     stages:
#       - {weight: 0%, min_keys: 300, bake: 5m}
#       - {weight: 10%, min_keys: 200, bake: 15m, margin: 2x}
#       - {weight: 100%, bake: 2h}
#     budgets:                    # a signal that is not named keeps its default; `off` switches one off
#       refusal: {max_increase: 2pp, max_ratio: 2.5}
#       length: {within: 15%}
#       agreement: off

# Without keys everything is open, on loopback only. `driftgate key create` prints an entry:
# keys:
#   - {name: ci, role: deployer, hash: "hmac-sha256:…"}
"""
