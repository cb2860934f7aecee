"""An application's own signals: found among the installed packages, and run so that they can hurt nobody.

S  `installed`  which there are, and in which version, without importing them
S  `contained`  calls one, bounds its time, and survives what it does
"""
