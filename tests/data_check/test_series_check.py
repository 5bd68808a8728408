"""Series, checked."""

from __future__ import annotations

from pathlib import Path

from own_data import write_series_table
from toy_series import toy_series, ts_text

from nas_lib.config import (
    SearchConfig,
    SeriesCnnSpaceConfig,
    SeriesTableData,
    SeriesTaskConfig,
    TsData,
)
from nas_lib.data_check import DataCheck, check_data, contact_sheet, lines


def checked(task: SeriesTaskConfig, *, with_pictures: bool = False) -> DataCheck:
    config = SearchConfig(task=task, space=SeriesCnnSpaceConfig())
    return check_data(config, with_pictures=with_pictures)


def test_series_on_two_sides_are_told_and_drawn(tmp_path: Path) -> None:
    train, labels = toy_series(40, seed=1)
    test = toy_series(10, seed=2)[0]
    test[3], test[5] = train[0], 2 * train[1] + 7
    (tmp_path / "A_TRAIN.ts").write_text(ts_text(train, labels))
    (tmp_path / "A_TEST.ts").write_text(ts_text(test, labels[:10]))

    found = checked(SeriesTaskConfig(data=TsData(path=str(tmp_path))), with_pictures=True)

    of_train = [each for each in found.findings if "the training series" in each.text]
    of_valid = [each for each in found.findings if "the validation series" in each.text]
    twins = [pair for pair in found.pairs if pair.one.part == "test"]
    assert len(twins) == 2  # whichever part 0 and 1 are in
    assert [pair.is_equal for pair in twins].count(True) == 1
    assert of_train or of_valid
    assert {pair.one.name for pair in twins} == {"series 3", "series 5"}
    page = contact_sheet(found)
    assert page.count("data:image/png") >= 2 * 2 + 3 * 5
    assert "40 training" not in page
    assert found.counts == {"train": 32, "valid": 8, "test": 10}


def test_a_check_is_told_in_lines_without_a_word_of_images(tmp_path: Path) -> None:
    path = write_series_table(tmp_path / "x.csv")
    text = path.read_text() + f"falls{',1' * 12}\n"
    path.write_text(text)
    data = SeriesTableData(path=str(path), lengths="pad", missing="interpolate")

    told = "\n".join(lines(checked(SeriesTaskConfig(data=data))))

    assert "series   12 steps of 1 channel" in told
    # a fifth of 21 are 4, and of the other 17 they are 3
    assert "14 training, 3 validation and 4 test series" in told
    assert "1 of 21 series have a channel that does not vary, such as line 22" in told
    assert "2 classes have fewer than 20 series: 'falls', 'rises'" in told
    assert "image" not in told


def test_what_a_search_would_refuse_is_told(tmp_path: Path) -> None:
    path = write_series_table(tmp_path / "x.csv")

    found = checked(SeriesTaskConfig(data=SeriesTableData(path=str(path))))

    assert "value of 1 of 20 series missing, such as of line 9" in found.refusal
