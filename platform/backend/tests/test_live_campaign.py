"""The campaign against the live feed, as much of it as CI has time for: script/campaign live."""

import os

import pytest

from bench.live.run import SLICE, run

SEED = int(os.environ.get("CAMPAIGN_SEED", "7"))


@pytest.mark.timeout(240)
def test_the_live_feed_is_true_while_everything_fails() -> None:
    found = run(SLICE, SEED, print)
    assert found["ok"], "\n".join([*found["unproven"], *found["details"], *found["logs"]])
    assert found["readers"]["messages"] > 5 * sum(found["changes"].values())
