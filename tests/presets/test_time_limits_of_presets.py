from __future__ import annotations

from nas_lib.presets import PRESETS, preset


def test_what_repeats_a_paper_waits_for_every_child() -> None:
    limits = {name: preset(name).children.timeout_s for name in PRESETS}

    small = {"digits", "enas-macro-digits", "enas-micro-digits", "enas-rnn-pydoc"}
    small |= {"photos", "photos-shared", "series", "translation"}
    small |= {name for name in limits if name.startswith("nasnet-") and "digits" in name}
    small |= {name for name in limits if name.startswith("nas-rnn-pydoc")}
    assert {name for name, limit in limits.items() if limit == "auto"} == small
    assert {limit for name, limit in limits.items() if name not in small} == {None}
