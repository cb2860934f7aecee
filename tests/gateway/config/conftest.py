"""A configuration to load: every option of the documented sample, with values that work."""

from pathlib import Path

import pytest

SAMPLE = """\
listen: {data: 127.0.0.1:8080, admin: 127.0.0.1:8081}
workers: auto                       # data workers, one per core
state_dir: ~/.local/state/driftgate
redis: {url: embedded, prefix: dg}
models:
  acme-v12: {base_url: http://10.0.0.5:8000/v1, model: acme-v12, api_key: ${ACME_KEY}}
  acme-v13: {base_url: http://10.0.0.6:8000/v1, model: acme-v13, api_key: ${ACME_KEY}, price: {input: 0.2, output: 0.6}}
  acme-v12-terse: {extends: acme-v12, overrides: {temperature: 0.2}, system_prompt: prompts/terse.txt}
endpoints:
  chat:
    stable: acme-v12
    sticky_by: [header:x-user-id, body:user, conversation]
    vote_by: sticky
    slices: [key.tenant, header:x-route]
    shadow: {sample: 20%, noise_floor: 2%, max_tokens_per_minute: 200k}
plans:
  default:
    alpha: 0.05
    lease: 10s
    max_blind: 15m
    stages:
      - {weight: 0%,   min_keys: 300, bake: 5m}
      - {weight: 1%,   min_keys: 50,  bake: 10m, margin: 3x}
      - {weight: 10%,  min_keys: 200, bake: 15m, margin: 2x}
      - {weight: 50%,  min_keys: 500, bake: 30m, deadline: 12h}
      - {weight: 100%, bake: 2h}
    budgets:
      refusal:   {max_increase: 2pp, max_decrease: 5pp, max_ratio: 2.5}
      schema:    {max_increase: 1pp}
      length:    {within: 15%}
      agreement: {max_excess_disagreement: 5pp}
      errors:    {max_increase: 1pp, ceiling: 10%}
      ttft:      {max_increase: 10pp, class: signal}
keys:
  - {name: ci, role: deployer, hash: …}
  - {name: shop, role: app, tenant: shop, endpoints: [chat], pin: false, hash: …}
alerts: [{url: …, on: [rolled_back, holding, promoted], page: [rolled_back, stable_failing, blind]}]
"""


@pytest.fixture
def sample() -> str:
    """The documented sample as text."""
    return SAMPLE


@pytest.fixture
def sample_file(tmp_path: Path) -> Path:
    """The documented sample as a file, with the prompt that it names beside it."""
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts" / "terse.txt").write_text("Be terse.\n", encoding="utf-8")
    path = tmp_path / "driftgate.yaml"
    path.write_text(SAMPLE, encoding="utf-8")
    return path
