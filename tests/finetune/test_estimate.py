"""What a run needs is estimated so that other work on the machine matters little, and is said where it does."""

import time
from itertools import accumulate, chain

import pytest

from finetune import estimate as estimates
from finetune.errors import TrainingError
from finetune.estimate import Estimate, refuse_what_cannot_fit
from finetune.settings import TrainSettings


def test_the_fastest_round_counts_however_slow_the_others_were(monkeypatch: pytest.MonkeyPatch) -> None:
    lasted = [2.0] * 3 + [0.5] + [8.0] * (estimates._ROUNDS - 4)
    times = accumulate(chain.from_iterable((0.0, one) for one in lasted))
    monkeypatch.setattr(time, "perf_counter", lambda: next(times))
    per_product = 2 * 512 * 576 * 1536
    assert estimates._measured_flops("cpu") == pytest.approx(estimates._PRODUCTS * per_product / 0.5)


@pytest.mark.parametrize(("busy_share", "says_so"), [(0.0, False), (0.2, False), (0.9, True)])
def test_a_refusal_for_time_says_when_the_machine_is_busy(busy_share: float, says_so: bool) -> None:
    needed = Estimate(1, 10, 27 * 3600, 1000, busy_share)
    with pytest.raises(TrainingError) as caught:
        refuse_what_cannot_fit(needed, TrainSettings())
    assert "about 27.0 hours" in str(caught.value)
    assert ("90% of the processors" in str(caught.value)) == says_so


def test_what_fits_is_not_refused_on_a_busy_machine() -> None:
    refuse_what_cannot_fit(Estimate(1, 10, 3600, 1000, 1.0), TrainSettings())


def test_the_load_is_a_share_of_the_processors() -> None:
    assert 0 <= estimates._busy_share() <= 1
