"""What tests need from the machine that they run on."""

import os
from typing import NoReturn

import pytest

from core.settings import Settings


def missing(reason: str) -> NoReturn:
    """Skips the test; in CI it fails instead, or nobody would notice that it never runs."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def forget_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Removes from the environment what Settings and libpq would read there.

    A developer's DATABASE_URL must neither be written to by tests nor decide how they end.
    """
    ours = {*Settings.model_fields, "dsf_test_mode_enabled"}
    for name in list(os.environ):
        if name.lower() in ours or name.startswith("PG"):
            monkeypatch.delenv(name)
