"""Everything that reads bytes from outside, fuzzed: `python -m loadtest.fuzz` (`make fuzz`).

P  `seeds`  what fuzzing starts from
"""
