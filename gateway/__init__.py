"""Everything that touches the world: HTTP, command line, configuration, processes, telemetry, wiring.

All of it is shell (S) but for the parts marked pure (P).
"""
