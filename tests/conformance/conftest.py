"""Lets the conformance tests import what lies beside them: the oracle and what the tests share."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
