"""Profiles of the property tests: ``default`` is fast and always the same; HYPOTHESIS_PROFILE=nightly does more."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from hypothesis import HealthCheck, Phase, settings

ROOT = str(Path(__file__).resolve().parent.parent)
if ROOT not in sys.path:  # tests import one another by package path
    sys.path.insert(0, ROOT)

settings.register_profile(
    "default",
    max_examples=6,
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
