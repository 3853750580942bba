"""Tests, and what `python -m tests.…` runs.

Hundreds of processes start in them, and each would compile what no other has kept: so compiled modules are kept,
whatever the shell asks for.
"""

import os
import sys

sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
