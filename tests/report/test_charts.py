"""SVG: line charts, and the elements that it is made of."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest
from jinja2 import UndefinedError
from markupsafe import Markup

from nas_lib.report.charts import Panel, Series, line_chart, nice_ticks, plot
from nas_lib.report.markup import join, render, tag

SVG = "{http://www.w3.org/2000/svg}"


def texts(svg: Markup) -> list[str]:
    return [each.text for each in ET.fromstring(svg).iter(f"{SVG}text") if each.text]


class TestPlot:
    def test_charts_stand_side_by_side_as_high_as_the_highest(self) -> None:
        few = [Series("a", [(1, 2.0), (2, 3.0)])]
        many = [Series(f"a network of the name {n}", few[0].points) for n in range(4)]
        none = Panel("nothing", [Series("b", [(1, None)])], "x", "y")
        svg = ET.fromstring(
            plot([Panel("few", few, "x", "y"), none, Panel("many", many, "x", "y")])
        )
        # two of three, 400 wide; 270 and a legend's second line of 18 high, below a title of 32
        assert (svg.get("viewBox"), svg.get("width"), svg.get("height")) == (
            *("0 0 800 320", "800", "320"),
        )
        placed = [
            (each.get("x"), each.get("y"), each.get("height")) for each in svg if each.get("y")
        ]
        assert [each for each in placed if each[2]] == [("0", "32", "288"), ("400", "32", "288")]
        assert {"few", "many"} <= set(texts(Markup(ET.tostring(svg, encoding="unicode"))))

    def test_a_fourth_chart_begins_a_second_row(self) -> None:
        panel = Panel("a chart", [Series("a", [(1, 2.0), (2, 3.0)])], "x", "y")
        svg = ET.fromstring(plot([panel] * 4))
        # three of 400 wide; two rows of 270 below a title of 32 each
        assert svg.get("viewBox") == "0 0 1200 604"
        placed = [(each.get("x"), each.get("y")) for each in svg if each.tag == f"{SVG}svg"]
        assert placed == [("0", "32"), ("400", "32"), ("800", "32"), ("0", "334")]

    def test_of_charts_without_a_point_there_is_no_plot(self) -> None:
        assert plot([Panel("nothing", [Series("a", [])], "x", "y")]) == ""


class TestChart:
    def test_a_chart_is_well_formed_with_a_title_and_a_legend(self) -> None:
        lines = [Series("a < b", [(1, 2.0), (2, None), (3, 4.0)]), Series("c", [(1, 3.0)])]
        svg = line_chart(lines, x_label="children", y_label="score & more")
        assert {"a < b", "c", "children", "score & more"} <= set(texts(svg))

    def test_high_values_are_written_in_thousands(self) -> None:
        line = Series("x", [(1, 90_000.0), (2, 110_000.0)])
        shown = texts(line_chart([line], x_label="x", y_label="y"))
        assert {"95000", "100k", "105k"} <= set(shown)

    def test_names_that_do_not_fit_beside_each_other_stand_above(self) -> None:
        lines = [Series(f"a network of the name {n}", [(1, 2.0), (2, 3.0)]) for n in range(4)]
        svg = ET.fromstring(line_chart(lines, x_label="", y_label=""))
        shown = [each for each in svg.iter(f"{SVG}text") if (each.text or "").startswith("a net")]
        right = [float(each.get("x", "")) + 6.9 * len(each.text or "") for each in shown]
        assert max(right) <= 400
        assert [each.get("y") for each in shown] == ["0", "0", "18", "18"]
        assert svg.get("viewBox") == "0 -18 400 288"

    def test_of_two_lines_of_one_colour_the_dashes_differ(self) -> None:
        lines = [Series(f"{n}", [(1, 2.0), (2, 3.0)]) for n in range(10)]
        svg = ET.fromstring(line_chart(lines, x_label="", y_label=""))
        drawn = [path for path in svg.iter(f"{SVG}path") if path.get("stroke-width") == "2"]
        looks = {(path.get("stroke"), path.get("stroke-dasharray")) for path in drawn}
        assert len({colour for colour, _ in looks}) == 5
        assert len(looks) == 10

    def test_a_missing_value_breaks_the_line(self) -> None:
        svg = line_chart(
            [Series("a", [(1, 2.0), (2, 2.5), (3, None), (4, 4.0)])], x_label="x", y_label="y"
        )
        line = [path.get("d", "") for path in ET.fromstring(svg).iter(f"{SVG}path")][-2]
        assert line.count("M") == 2

    def test_without_a_value_there_is_no_chart(self) -> None:
        assert line_chart([Series("a", []), Series("b", [(1, None)])], x_label="", y_label="") == ""

    @pytest.mark.parametrize("value", [0.0, 1.0, -1e9, 1e-12])
    def test_a_single_value_has_a_chart(self, value: float) -> None:
        svg = line_chart([Series("a", [(1, value)])], x_label="x", y_label="y")
        assert "nan" not in svg
        assert len(texts(svg)) > 4

    def test_points_on_one_pixel_are_drawn_once(self) -> None:
        many = Series("a", [(1, 0.5)] * 1000 + [(2, 0.75)], dots=True)
        dots = [
            path.get("d", "")
            for path in ET.fromstring(line_chart([many], x_label="", y_label="")).iter(f"{SVG}path")
            if path.get("stroke-opacity")
        ]
        assert dots[0].count("M") == 2

    def test_few_dots_are_drawn_stronger_than_many(self) -> None:
        def opacity(num: int) -> float:
            dots = Series("a", [(x, float(x)) for x in range(num)], dots=True)
            svg = ET.fromstring(line_chart([dots], x_label="", y_label=""))
            shown = [path.get("stroke-opacity") for path in svg.iter(f"{SVG}path")]
            return float(next(value for value in shown if value))

        assert opacity(10) > opacity(1000)

    def test_squares_are_known_from_dots_without_their_colour(self) -> None:
        kinds = [
            Series("a", [(1, 1.0)], dots=True),
            Series("b", [(2, 2.0)], dots=True, squares=True),
        ]
        svg = ET.fromstring(line_chart(kinds, x_label="", y_label=""))
        caps = [path.get("stroke-linecap") for path in svg.iter(f"{SVG}path")]
        assert caps.count("round") == caps.count("square") == 2  # the points and the legend

    def test_what_is_no_count_has_marks_between_whole_numbers(self) -> None:
        line = Series("a", [(0.25, 1.0), (0.75, 2.0)])
        shown = texts(line_chart([line], x_label="x", y_label="y", counts=False))
        assert {"0.3", "0.5", "0.7"} <= set(shown)
        assert "0.3" not in texts(line_chart([line], x_label="x", y_label="y"))

    def test_a_long_line_is_thinned_but_keeps_its_end(self) -> None:
        long = Series("a", [(x, float(x)) for x in range(10_000)])
        svg = line_chart([long], x_label="x", y_label="y")
        assert len(svg) < 20_000
        line = max((p.get("d", "") for p in ET.fromstring(svg).iter(f"{SVG}path")), key=len)
        assert line.split("L")[-1].startswith("388.0 ")  # 400 wide, less a margin of 12

    def test_a_band_surrounds_its_line(self) -> None:
        line = Series("a", [(1, 1.0), (2, None), (3, 2.0)], spread=[0.5, None, 0.25])
        svg = ET.fromstring(line_chart([line], x_label="x", y_label="y"))
        (band,) = svg.iter(f"{SVG}polygon")
        assert len(band.get("points", "").split()) == 4  # above and below two known points


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (0, 10, [0, 2, 4, 6, 8, 10]),
        (0.0, 1.0, [0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        (97.3, 98.4, [97.4, 97.6, 97.8, 98.0, 98.2, 98.4]),
        (1, 12_800, [2000, 4000, 6000, 8000, 10_000, 12_000]),
        (-1, 1, [-1, -0.5, 0, 0.5, 1]),
    ],
)
def test_ticks_are_round_numbers_within_the_range(
    low: float, high: float, ticks: list[float]
) -> None:
    assert nice_ticks(low, high) == ticks


class TestMarkup:
    def test_text_is_escaped_and_markup_is_not(self) -> None:
        assert tag("p", "a < b", tag("b", "&")) == "<p>a &lt; b<b>&amp;</b></p>"

    def test_attributes_are_escaped_and_those_without_value_left_out(self) -> None:
        assert tag("a", class_='x"y', data_value=3, title=None) == (
            '<a class="x&#34;y" data-value="3"></a>'
        )

    def test_control_characters_are_shown(self) -> None:
        assert join("\x1b[31mred\n") == "\\x1b[31mred\n"

    def test_templates_escape_alike(self) -> None:
        html = render("problem.html", uri="<\x1b>", problems=tag("b", "&"))
        assert "<code>&lt;\\x1b&gt;</code>" in html
        assert "<b>&amp;</b>" in html

    def test_a_template_is_given_all_that_it_names(self) -> None:
        with pytest.raises(UndefinedError, match="problems"):
            render("problem.html", uri="x")
