"""Fixtures that more than one room uses."""

import gc
import importlib.util
import os
import sys
import warnings
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# A time limit for one example, or for making it, measures the machine, which others use too.
# Where the seed is given, Hypothesis draws the same examples each time as well.
settings.register_profile(
    "whodid", deadline=None, derandomize="WHODID_SEED" in os.environ,
    suppress_health_check=[HealthCheck.too_slow],
)  # fmt: skip
settings.load_profile("whodid")

sys.path.insert(0, str(Path(__file__).parent))  # `import ledger_kit`; test folders are no packages


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport():
    """Say with each failure which number repeats what the run drew."""
    from chance import SEED  # once the path is set

    report = yield
    if report.failed:
        report.sections.append(("drawn from", f"WHODID_SEED={SEED}"))
    return report


@pytest.fixture(autouse=True, scope="module")
def few_open_files():
    """Close what tests left open in circles: with many objects in memory Python seldom looks."""
    yield
    fds = Path("/dev/fd")
    if fds.is_dir() and len(os.listdir(fds)) > 200:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)
            gc.collect()


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
