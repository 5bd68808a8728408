"""SVG: pictures of networks and line charts."""

from __future__ import annotations

import random
import xml.etree.ElementTree as ET

import pytest
from synthetic import random_architecture

from nas_lib.architecture import Architecture
from nas_lib.report.charts import Series, line_chart, nice_ticks
from nas_lib.report.markup import Markup, join, tag
from nas_lib.report.pictures import network_picture
from nas_lib.spaces.cnn import parse_layers, unused_layers

SVG = "{http://www.w3.org/2000/svg}"


def texts(svg: Markup) -> list[str]:
    return [each.text for each in ET.fromstring(svg).iter(f"{SVG}text") if each.text]


def classes(svg: Markup) -> list[str]:
    return [each.get("class", "") for each in ET.fromstring(svg).iter(f"{SVG}g")]


def picture(config: str) -> Markup:
    return network_picture(Architecture("cnn", (), config))


class TestPicture:
    def test_boxes_stand_in_order_from_the_image_to_the_classifier(self):
        config = "conv 3x5x36/1x1 <- image | max_pool 2x2/2x2 <- 1 | 3*conv 3x3x24/3x1 <- 2"
        assert texts(picture(config)) == [
            "image",
            *("1", "conv 3x5", "36"),
            *("2", "max pool 2x2, stride 2x2"),
            *("3", "3 x conv 3x3, stride 3x1", "24"),
            "classifier",
        ]

    def test_each_kind_of_connection_is_drawn_its_own_way(self):
        config = (
            "conv 1x1x24/1x1 <- image | conv 1x1x24/1x1 <- image | "
            "conv 1x1x24/1x1 <- 1 | conv 1x1x24/1x1 <- 1,3"
        )
        assert classes(picture(config)) == [
            "straight",  # image to 1
            "arc image",  # image to 2
            "arc skip",  # 1 to 3
            "arc skip",  # 1 to 4
            "straight",  # 3 to 4
            "arc output",  # 2, which nobody took, to the classifier
            "straight",  # 4 to the classifier
        ]

    @pytest.mark.parametrize("num_layers", [1, 2, 6, 16, 20, 40])
    def test_there_is_one_arc_per_skip_connection(self, num_layers):
        architecture = random_architecture(random.Random(num_layers), num_layers)
        layers = parse_layers(architecture.config)
        skips = [
            (source, target)
            for target, layer in enumerate(layers, start=1)
            for source in layer.inputs
            if source < target - 1
        ]
        drawn = classes(network_picture(architecture))
        assert drawn.count("arc skip") == len(skips)
        outputs = [number for number in unused_layers(layers) if number < num_layers]
        assert drawn.count("arc output") == len(outputs)

    @pytest.mark.parametrize("num_layers", [1, 6, 20])
    def test_nothing_lies_outside_of_the_picture(self, num_layers):
        architecture = random_architecture(random.Random(3), num_layers)
        svg = ET.fromstring(network_picture(architecture))
        width = float(svg.get("width", "0"))
        for path in svg.iter(f"{SVG}path"):
            coordinates = path.get("d", "").translate(str.maketrans("MCLVHZ", "      ")).split()
            if "C" in path.get("d", ""):  # the curve itself swings out 3/4 as far as its handles
                side, handle = float(coordinates[0]), float(coordinates[2])
                assert 0 <= side + 0.75 * (handle - side) <= width

    def test_a_network_of_pooling_layers_only_is_drawn(self):
        assert "max pool 2x2, stride 2x2" in texts(picture("max_pool 2x2/2x2 <- image"))

    def test_another_spaces_architecture_is_its_configuration_in_a_box(self):
        svg = network_picture(Architecture("mine", (), "op=<b>&conv " * 200))
        assert texts(svg)[0].startswith("op=<b>&conv")
        assert len(texts(svg)) == 20


class TestChart:
    def test_a_chart_is_well_formed_with_a_title_and_a_legend(self):
        lines = [Series("a < b", [(1, 2.0), (2, None), (3, 4.0)]), Series("c", [(1, 3.0)])]
        svg = line_chart(lines, x_label="children", y_label="score & more")
        assert {"a < b", "c", "children", "score & more"} <= set(texts(svg))

    def test_high_values_are_written_in_thousands(self):
        line = Series("x", [(1, 90_000.0), (2, 110_000.0)])
        shown = texts(line_chart([line], x_label="x", y_label="y"))
        assert {"95000", "100k", "105k"} <= set(shown)

    def test_a_missing_value_breaks_the_line(self):
        svg = line_chart(
            [Series("a", [(1, 2.0), (2, 2.5), (3, None), (4, 4.0)])], x_label="x", y_label="y"
        )
        line = [path.get("d", "") for path in ET.fromstring(svg).iter(f"{SVG}path")][-2]
        assert line.count("M") == 2

    def test_without_a_value_there_is_no_chart(self):
        assert line_chart([Series("a", []), Series("b", [(1, None)])], x_label="", y_label="") == ""

    @pytest.mark.parametrize("value", [0.0, 1.0, -1e9, 1e-12])
    def test_a_single_value_has_a_chart(self, value):
        svg = line_chart([Series("a", [(1, value)])], x_label="x", y_label="y")
        assert "nan" not in svg
        assert len(texts(svg)) > 4

    def test_points_on_one_pixel_are_drawn_once(self):
        many = Series("a", [(1, 0.5)] * 1000 + [(2, 0.75)], dots=True)
        dots = [
            path.get("d", "")
            for path in ET.fromstring(line_chart([many], x_label="", y_label="")).iter(f"{SVG}path")
            if path.get("stroke-opacity")
        ]
        assert dots[0].count("M") == 2

    def test_few_dots_are_drawn_stronger_than_many(self):
        def opacity(num: int) -> float:
            dots = Series("a", [(x, float(x)) for x in range(num)], dots=True)
            svg = ET.fromstring(line_chart([dots], x_label="", y_label=""))
            shown = [path.get("stroke-opacity") for path in svg.iter(f"{SVG}path")]
            return float(next(value for value in shown if value))

        assert opacity(10) > opacity(1000)

    def test_squares_are_known_from_dots_without_their_colour(self):
        kinds = [
            Series("a", [(1, 1.0)], dots=True),
            Series("b", [(2, 2.0)], dots=True, squares=True),
        ]
        svg = ET.fromstring(line_chart(kinds, x_label="", y_label=""))
        caps = [path.get("stroke-linecap") for path in svg.iter(f"{SVG}path")]
        assert caps.count("round") == caps.count("square") == 2  # the points and the legend

    def test_what_is_no_count_has_marks_between_whole_numbers(self):
        line = Series("a", [(0.25, 1.0), (0.75, 2.0)])
        shown = texts(line_chart([line], x_label="x", y_label="y", counts=False))
        assert {"0.3", "0.5", "0.7"} <= set(shown)
        assert "0.3" not in texts(line_chart([line], x_label="x", y_label="y"))

    def test_a_long_line_is_thinned_but_keeps_its_end(self):
        long = Series("a", [(x, float(x)) for x in range(10_000)])
        svg = line_chart([long], x_label="x", y_label="y")
        assert len(svg) < 20_000
        line = max((p.get("d", "") for p in ET.fromstring(svg).iter(f"{SVG}path")), key=len)
        assert line.split("L")[-1].startswith("546.0 ")  # 560 wide, less a margin of 14

    def test_a_band_surrounds_its_line(self):
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
def test_ticks_are_round_numbers_within_the_range(low, high, ticks):
    assert nice_ticks(low, high) == ticks


class TestMarkup:
    def test_text_is_escaped_and_markup_is_not(self):
        assert tag("p", "a < b", tag("b", "&")) == "<p>a &lt; b<b>&amp;</b></p>"

    def test_attributes_are_escaped_and_those_without_value_left_out(self):
        assert tag("a", class_='x"y', data_value=3, title=None) == (
            '<a class="x&quot;y" data-value="3"></a>'
        )

    def test_control_characters_are_replaced(self):
        assert join("\x1b[31mred\n") == "\N{REPLACEMENT CHARACTER}[31mred\n"
