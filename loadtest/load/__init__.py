"""What users notice: `python -m loadtest.load` (`make load`, `make soak`) plays applications while rollouts run.

S  `rollback_time`   how long after a rollback a user may still reach the candidate
S  `shadow_trouble`  what a slow candidate, or a shadow worker that stands still, costs the users of stable
S  `slow_canary`     what a candidate that becomes slow costs those who are on it
S  `same`            a candidate that is stable itself never falls back
S  `leaving`         clients that leave, and clients that only stay
"""
