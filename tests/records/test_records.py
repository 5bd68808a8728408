from __future__ import annotations

import json
import math

import pytest
from pydantic import ValidationError

from nas_lib.architecture import Architecture
from nas_lib.errors import CorruptStateError
from nas_lib.records import (
    Child,
    ChildId,
    ChildResult,
    Derived,
    EpochMetrics,
    Learned,
    Problem,
    Proposed,
    SharedEpoch,
    SharedScore,
    TestReading,
    from_json,
    to_json,
)

CHILD = Child("r000-000017-03", Architecture("cnn", (1, 0), "conv 3x3x8/1x1 <- image"), seed=5)

SCORE = SharedScore(CHILD.architecture, 0.5, running_score=0.4)


@pytest.mark.parametrize(
    "record",
    [
        CHILD,
        Proposed(0, 17, "run", 6, (42, 41), (CHILD,), created_s=1.5),
        ChildResult("r000-000017-03", "ok", 0.5, 0.8, 2, (EpochMetrics(1, 2.0, 1.5, 0.8, 0.1, 3),)),
        ChildResult("r000-000017-03", "diverged", 0.0, message="the loss became NaN"),
        Learned(0, 17, "run", (43, 42), (0, 1), {"mean_reward": 0.5, "entropy": 7.0}, 2.5),
        SharedEpoch(1, "run", 2.0, 0.05, 10, 4, 0.4, {"mean_reward": 0.5}, 3.0, 1.0, 2.5),
        Derived("run", (SCORE,), (), (0.5, 0.4), 3.0, 2.5),
        TestReading("r000-000017-03", 0.9, 360, 2.5),
        Problem("run", "learn", "the store went away", 2.5),
    ],
)
def test_a_record_reads_back_the_same(record: object) -> None:
    assert from_json(type(record), to_json(record), key="key") == record


RESULT = ChildResult("r000-000017-03", "ok", 0.5)


@pytest.mark.parametrize("damaged", [b"", to_json(RESULT)[:-1], to_json(RESULT)[:9], b"{}"])
def test_a_truncated_record_is_named(damaged: bytes) -> None:
    with pytest.raises(CorruptStateError, match=r"rounds/x\.json is damaged: expected a ChildRes"):
        from_json(ChildResult, damaged, key="rounds/x.json")


@pytest.mark.parametrize("number", [math.nan, math.inf])
def test_a_record_holds_no_number_that_json_has_not(number: float) -> None:
    with pytest.raises(ValidationError, match="finite"):
        EpochMetrics(1, 2.0, 1.5, number, 0.1, 3)
    with pytest.raises(ValidationError, match="finite"):
        Learned(0, 17, "run", (43,), (0,), {"entropy": number}, 2.5)


def test_no_changed_byte_goes_unnoticed() -> None:
    whole = to_json(RESULT)
    for place in range(len(whole)):
        damaged = whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :]
        with pytest.raises(CorruptStateError, match=r"rounds/x\.json is damaged"):
            from_json(ChildResult, damaged, key="rounds/x.json")


def test_a_record_of_another_kind_is_named() -> None:
    with pytest.raises(CorruptStateError, match="whole, but no ChildResult as this"):
        from_json(ChildResult, to_json(CHILD), key="rounds/x.json")


def test_a_stored_record_is_json() -> None:
    fields = json.loads(to_json(RESULT))
    assert fields.pop("crc32")
    assert fields["reward"] == 0.5


def test_a_childs_id_has_three_parts() -> None:
    assert ChildId.parse("r000-000017-03") == ChildId(replica=0, round=17, index=3)
    assert str(ChildId(399, 123_456, 7)) == "r399-123456-07"


@pytest.mark.parametrize("text", ["", "r0-1-2", "r000-000017-03x", "../../etc", "r000-000017"])
def test_another_text_is_no_childs_id(text: str) -> None:
    with pytest.raises(ValueError, match="a child's id looks like r000-000017-03"):
        ChildId.parse(text)
