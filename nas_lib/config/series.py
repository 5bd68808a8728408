"""Series of numbers: which, in which format, and how training changes them at random."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from nas_lib.bounds import Rate, Steps, Text
from nas_lib.part import MAY_CHANGE, Part

Lengths = Literal["refuse", "pad", "crop", "resample"]
"""What becomes of series of other lengths."""
Missing = Literal["refuse", "interpolate"]
Standardise = Literal["all", "each"]


class SeriesPart(Part):
    """Series of numbers, of one or several channels, which become series of one length."""

    format: str
    path: Text = Field(description="Where they lie.", json_schema_extra=MAY_CHANGE)
    lengths: Lengths = Field(
        "refuse",
        description="Series of other lengths: refused; or all made as long as the longest to train "
        "on by holding their last value (pad), as short as the shortest by leaving out their end "
        "(crop), or as long as the longest by straight lines between their values (resample).",
    )
    length: Steps | None = Field(
        None, description="How long they become in place of that, where lengths is no refuse."
    )
    missing: Missing = Field(
        "refuse",
        description="Values that are not there are refused, or lie on a straight line between "
        "those beside them (interpolate); counted.",
    )
    standardise: Standardise = Field(
        "all",
        description="By mean and deviation of each channel over all training series (all), or of "
        "each series by itself (each), so that only shapes count: a habit of UCR's archive.",
    )

    @model_validator(mode="after")
    def _check_length(self) -> Self:
        if self.length is not None and self.lengths == "refuse":
            raise ValueError(
                f"length {self.length} is of lengths pad, crop or resample, got lengths refuse"
            )
        return self


class SeriesNpzData(SeriesPart):
    """A numpy archive with series [N, T], [N, C, T] or [N, T, C] and labels [N]."""

    format: Literal["series_npz"] = "series_npz"
    path: Text = Field(description="The .npz file.", json_schema_extra=MAY_CHANGE)
    series: Text = Field("x_train", description="Key of the training series.")
    labels: Text = Field("y_train", description="Key of the training labels.")
    valid_series: Text = Field(
        "x_valid", description="Key of the validation series; may be absent."
    )
    valid_labels: Text = Field(
        "y_valid", description="Key of the validation labels; may be absent."
    )
    test_series: Text = Field("x_test", description="Key of the test series; may be absent.")
    test_labels: Text = Field("y_test", description="Key of the test labels; may be absent.")
    axes: Literal["NCT", "NTC"] | None = Field(
        None,
        description="Order of three axes: channels before steps, or behind them; unset: the "
        "shorter of the two are channels.",
    )


class SeriesTableData(SeriesPart):
    """A table of series, CSV, Parquet or JSON lines by its content: a row for each, or a step."""

    format: Literal["series_table"] = "series_table"
    path: Text = Field(
        description="The table; or a folder with one, or with one for each part (train.csv, "
        "valid.csv, test.csv; NAME_TRAIN.tsv, NAME_TEST.tsv).",
        json_schema_extra=MAY_CHANGE,
    )
    label: Text | None = Field(
        None,
        description="The column of classes; unset: label, class, target and the like; of a table "
        "without names the first (UCR's), or the last where only that has few whole numbers.",
    )
    series: Text | None = Field(
        None,
        description="The column that says of which series a row is: those of one are its steps, "
        "and each other column of numbers a channel; unset: series, series_id and the like, if "
        "there is one; empty: none.",
    )
    time: Text | None = Field(
        None,
        description="The column by which the rows of a series are put in order; unset: time, "
        "timestamp, step and the like; empty: they are in order.",
    )
    split: Text | None = Field(
        None,
        description="The column that says of which part each is: train, val, test; unset: split, "
        "subset or the like, if there is one; empty: none.",
    )
    group: Text | None = Field(
        None,
        description="The column that says from what each series is, such as a person or a "
        "machine: those of one stay on one side of the split; unset: group or group_id, if there "
        "is one; empty: none.",
    )
    values: tuple[Text, ...] = Field(
        (), max_length=100_000, description="The columns of numbers; none: all others."
    )


class TsData(SeriesPart):
    """The .ts files of UCR's and UEA's archives, as aeon and sktime read and write them."""

    format: Literal["ts"] = "ts"
    path: Text = Field(
        description="A file, of which NAME_TEST.ts beside NAME_TRAIN.ts is read, too; or a folder "
        "with them.",
        json_schema_extra=MAY_CHANGE,
    )


SeriesDataConfig = Annotated[
    SeriesNpzData | SeriesTableData | TsData, Field(discriminator="format")
]


class SeriesAugmentConfig(Part):
    """Random changes to training series, of each batch anew; none by themselves."""

    shift: int = Field(
        0,
        ge=0,
        le=1_000_000,
        description="Along time, by so many steps at most; what comes in holds the value at the "
        "end.",
    )
    noise: float = Field(
        0.0, ge=0, le=100, description="Deviation of normal noise, in deviations of the data."
    )
    scale: Rate = Field(
        0.0, description="Each channel times a factor between 1 - scale and 1 + scale."
    )
    cutout: int = Field(
        0, ge=0, le=1_000_000, description="Blank so many steps around a random one."
    )
