"""What holds for every test: each trace, pass and program is checked, and hypothesis runs one of two profiles.

``default`` is fast and always the same; HYPOTHESIS_PROFILE=nightly does more.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings

from functrans.config import config

ROOT = str(Path(__file__).resolve().parent.parent)
if ROOT not in sys.path:  # tests import one another by package path
    sys.path.insert(0, ROOT)

settings.register_profile(
    "default",
    max_examples=4,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile(
    "nightly", max_examples=100, deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


@pytest.fixture(autouse=True)
def checked(request: pytest.FixtureRequest) -> Iterator[None]:
    """The checkers of jaxprs and kernels run on everything, except where the options themselves are tested."""
    if request.path.name == "test_config.py":
        yield
        return
    with config(check=True):
        yield
