"""What works behind the others has a lesser claim, also where sessions share the processor."""

import subprocess
import sys
from pathlib import Path

import pytest

SHOW = """
import os
from pathlib import Path
from whodid.serve.process import yield_to_others
yield_to_others(7)
path = Path("/proc/self/autogroup")
print(os.nice(0), path.read_text().split()[-1] if path.exists() else "")
"""


def test_niceness_is_the_sessions_too():
    before = int(subprocess.check_output([sys.executable, "-c", "import os; print(os.nice(0))"]))
    said = subprocess.check_output([sys.executable, "-c", SHOW], start_new_session=True, text=True)
    nice, _, session = said.strip().partition(" ")
    assert int(nice) == min(before + 7, 19)
    if not Path("/proc/self/autogroup").exists():
        pytest.skip("no autogroups here: niceness is all there is")
    assert session == "7"
