"""Fixtures that more than one room uses."""

import importlib.util
import sys
from pathlib import Path

import pytest
from hypothesis import settings

# A time limit for one example measures the machine, which others use too.
settings.register_profile("whodid", deadline=None)
settings.load_profile("whodid")

sys.path.insert(0, str(Path(__file__).parent))  # `import ledger_kit`; test folders are no packages


@pytest.fixture(scope="session")
def tlog_oracles():
    """The module tests/tlog_oracles.py: strangers' tools that judge a rendered log directory."""
    # By its file, because test folders are not packages.
    file = Path(__file__).with_name("tlog_oracles.py")
    spec = importlib.util.spec_from_file_location("tlog_oracles", file)
    module = importlib.util.module_from_spec(spec)
    sys.modules["tlog_oracles"] = module
    spec.loader.exec_module(module)
    return module
