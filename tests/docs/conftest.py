"""The console of the pages, and a shell in a fresh folder."""

import importlib.util
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def _load(name):
    # By its file, because test folders are not packages.
    file = Path(__file__).with_name(f"{name}.py")
    spec = importlib.util.spec_from_file_location(f"docs_{name}", file)
    module = importlib.util.module_from_spec(spec)
    sys.modules[f"docs_{name}"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def console():
    """The module tests/docs/console.py."""
    return _load("console")


@pytest.fixture(scope="session")
def limits_page():
    """The module tests/docs/limits_page.py."""
    return _load("limits_page")


@pytest.fixture(scope="session")
def settings_table():
    """The module tests/docs/settings_table.py."""
    return _load("settings_table")


@pytest.fixture(scope="session")
def rule_packs_page():
    """The module tests/docs/rule_packs_page.py."""
    return _load("rule_packs_page")


@pytest.fixture
def shell(console, tmp_path):
    (tmp_path / ".venv").symlink_to(ROOT / ".venv")
    opened = console.Shell(tmp_path, {})
    yield opened
    opened.close()
