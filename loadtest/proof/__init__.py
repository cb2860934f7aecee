"""Recorded swaps of real models through a whole gateway: `python -m loadtest.proof` (`make proof`).

P  `swaps`   which swaps, and how each must end
P  `report`  the tables, for the terminal and the documentation
"""
