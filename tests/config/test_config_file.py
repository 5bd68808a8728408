from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from space_strategies import cnn_configs

from nas_lib.config import (
    Cifar10Data,
    CnnSpaceConfig,
    CustomSpaceConfig,
    EnasPolicyConfig,
    EvolutionConfig,
    IdxData,
    ImageChildrenConfig,
    ImageFolderData,
    ImageTaskConfig,
    ImageWeightsConfig,
    NasPolicyConfig,
    NpzData,
    OwnChildrenConfig,
    RandomConfig,
    ReinforceConfig,
    ResourcesConfig,
    RoundsConfig,
    SearchConfig,
    SharedConfig,
    SizeConfig,
    TextChildrenConfig,
    TextTaskConfig,
    TextWeightsConfig,
)
from nas_lib.config_file import (
    apply_overrides,
    as_preset,
    differences,
    identity,
    parse_config,
    read_config,
    resolve_config,
    to_yaml,
)
from nas_lib.errors import ConfigError
from nas_lib.presets import PRESETS, preset
from nas_lib.yaml_text import parse_yaml


def parse(text: str) -> SearchConfig:
    return parse_config(parse_yaml(text, source="search.yaml"), source="search.yaml")


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("task: {kind: image_classification}", "task.kind image_classification"),
        ("task: {kind: language_modelling, max_words: 9}", "task.kind language_modelling"),
        ("controller: {kind: enas, hidden_size: 64}", "controller.kind enas"),
        ("shared: null", "shared"),
        ("{shared: {epochs: 3}, task: {kind: image_classification}}", "shared"),
    ],
)
def test_an_earlier_form_of_documents_is_told_as_such(text: str, what: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(text)
    assert str(caught.value) == (
        f"search.yaml: {what} is of an earlier form of this document: `nas init PRESET` writes one "
        "as it is now, and the changelog says where each setting went"
    )


@pytest.mark.timeout(20)
@pytest.mark.parametrize("document", ["{}", "task: {}", "name: {}"])
def test_a_value_of_billions_of_parts_is_refused_at_once(document: str) -> None:
    lists = ["[x, x, x, x, x, x, x, x, x, x]"]  # ten times as many by each alias: 10^9
    lists += [f"[{', '.join([f'*a{n}'] * 10)}]" for n in range(8)]
    nested = ", ".join(f"a{n}: &a{n} {items}" for n, items in enumerate(lists))
    with pytest.raises(ConfigError, match="expected at most 10,000 keys and values"):
        parse(document.format(f"[{{{nested}}}]"))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("childre: {}", "search.yaml: unknown setting childre; did you mean children?"),
        ("children: {epoch: 3}", "unknown setting children.epoch; did you mean epochs?"),
        ("space: {kind: cnn, num_filter: [8]}", "space.num_filter; did you mean num_filters?"),
        ("controller: {kind: random, x: 1}", "unknown setting controller.x"),
        (
            "children: {kind: images, evaluate: inline}",
            "unknown setting children.evaluate; it goes with children.kind own",
        ),
        ("children: {epochs: many}", 'children.epochs should be a whole number, got "many"'),
        ("children: {epochs: 1.5}", "children.epochs should be a whole number, got 1.5"),
        ("children: {epochs: 0}", "children.epochs should be at least 1, got 0"),
        ("children: {learning_rate: .nan}", "learning_rate should be a finite number, got NaN"),
        (
            "children: {schedule: step}",
            "schedule should be 'constant', 'cosine', 'cosine_restarts' or 'exponential', got",
        ),
        ("children: {min_learning_rate: 1}", "min_learning_rate (1) must be at most"),
        (
            "children: {drop_path: 0.1}",
            "children.drop_path is for networks of cells, got space.kind cnn",
        ),
        (
            "children: {auxiliary_weight: 0.1}",
            "children.auxiliary_weight is for networks of cells, got space.kind cnn",
        ),
        ("children: {text: {bptt: 3}}", "unknown setting children.text"),
        (
            "children: {augment: {flip: sometimes}}",
            'children.augment.flip should be true, false or alternating, got "sometimes"',
        ),
        (
            "children: {include_validation: true}",
            "children.include_validation leaves nothing to judge children by: it is for the last",
        ),
        (
            "final: {children: {kind: images, include_validation: true}}",
            "final.children.include_validation leaves nothing to choose by: final.retrain trains",
        ),
        (
            "children: {kind: text}",
            "children.kind text is for task.kind text, got task.kind images",
        ),
        (
            "children: {evaluate: inline, epochs: 3}",
            "unknown setting children.epochs; it goes with children.kind images or children.kind "
            "series or children.kind text",
        ),
        (
            "children: {reward: {perplexity_constant: 2}}",
            "children.reward.perplexity_constant; it goes with children.kind text",
        ),
        ("search: {tick_minutes: 3}", "search.tick_minutes; it goes with search.kind shared"),
        ("children: {kind: own}", "children.evaluate is missing"),
        (
            "search: {kind: forever}",
            'search.kind should be one of rounds, shared, final, transfer, got "forever"',
        ),
        ("search: {wait_for: 9}", "search: wait_for (9) must be at most children_per_round (8)"),
        ("search: {weights: {epochs: 3}}", "unknown setting search.weights"),
        (
            "search: {kind: shared}",
            "search.kind shared needs a space that shares weights, got cnn",
        ),
        (
            "{space: {kind: enas-rnn}}",
            "space.kind enas-rnn is for task.kind text or translation, got task.kind images",
        ),
        ("task: {kind: text}", "space.kind cnn is for task.kind images, got task.kind text"),
        (
            "{space: {kind: nas-rnn, child: {parameters: 100}}, children: {evaluate: 'm:f'}}",
            "space.child.parameters: children.evaluate judges, and no data are prepared from which",
        ),
        (
            "{task: {kind: text}, space: {kind: nas-rnn, child: {hidden: 9, parameters: 100}}}",
            "space.child: hidden and parameters both say how large a network is: leave out one",
        ),
        *(
            (
                f"{{space: {{kind: enas-micro}}, search: {{kind: shared, {name}: 1}}}}",
                f"unknown setting search.{name}",
            )
            for name in (
                "stop_at_score",
                "wait_for",
                "max_children",
                "children_per_round",
                "replicas",
                "shards",
            )
        ),
        (
            "{space: {kind: enas-micro}, search: {kind: shared, weights: {text: {bptt: 3}}}}",
            "unknown setting search.weights.text",
        ),
        (
            "{space: {kind: enas-macro}, search: {kind: shared, weights: {auxiliary_weight: 0.4}}}",
            "search.weights.auxiliary_weight is for networks of cells, got space.kind enas-macro",
        ),
        (
            "{space: {kind: enas-micro}, search: {kind: shared, weights: {kind: text}}}",
            "search.weights.kind should be that of the task, images, got text",
        ),
        (
            "{space: {kind: enas-rnn}, search: {kind: shared}, "
            "task: {kind: translation, data: {path: pairs.tsv}}}",
            "search.kind shared is for task.kind images or text, got translation",
        ),
        (
            "{space: {kind: enas-micro}, search: {kind: shared}, children: {evaluate: inline}}",
            "search.kind shared judges by its own weights, not by children.evaluate",
        ),
        *(
            (
                "{space: {kind: enas-micro}, children: {"
                + children
                + "}, controller: {kind: reinforce, policy: {kind: enas, operation_bias: [1]}}}",
                "controller.policy.operation_bias should have 5 numbers for space.kind enas-micro, "
                "got 1",
            )
            for children in ("", "evaluate: inline")
        ),
        (
            "{space: {kind: enas-micro}, search: {kind: shared}, controller: {kind: evolution}}",
            "controller.kind evolution goes by results of different times, and those of "
            "search.kind shared change with its weights: set controller.kind to reinforce or",
        ),
        (
            "{space: {kind: enas-micro}, search: {kind: shared}, "
            "controller: {kind: ppo, rewards: rank}}",
            "controller.rewards rank goes by results of different times, and those of search.kind "
            "shared change with its weights: set controller.rewards to as_given",
        ),
        (
            "{space: {kind: enas-micro}, search: {kind: shared}, "
            "controller: {kind: reinforce, repeats: mutate}}",
            "controller.repeats mutate goes by results of different times, and those of "
            "search.kind shared change with its weights: set controller.repeats to keep",
        ),
        ("controller: {kind: guess}", "controller.kind should be one of "),
        (
            "controller: {kind: reinforce, policy: {kind: nas, hidden: 9}}",
            "unknown setting controller.policy.hidden; did you mean hidden_size?",
        ),
        ("children: {momentum: 0}", "children: nesterov needs a momentum above 0"),
        (
            "{space: {kind: enas-micro}, "
            "search: {kind: shared, weights: {epochs: 5}, controller_after: 5}}",
            "search: controller_after should be less than the 5 epochs, got 5",
        ),
        *(
            (
                f"children: {{timeout_s: {value}}}",
                "children.timeout_s should be auto, null, or a number of seconds up to a year, got",
            )
            for value in ("0", "-1", "fast", "true", ".inf", "31536001", "[5]")
        ),
        ("children: 3", "children should be a section of settings (key: value), got 3"),
        ("controller: [random]", "controller should be a section of settings (key: value)"),
        ("seed: null", "seed should be a whole number, got null"),
        ("name: My search", "name should be lower-case letters, digits and dashes"),
        (
            "space: {kind: rnn}",
            "space.kind should be one of cnn, enas-macro, enas-micro, enas-rnn, nasnet, "
            "nas-rnn, series-cnn, image-references, series-references, text-references, custom, "
            'got "rnn"',
        ),
        ("space: {num_filters: [8]}", "space.kind is missing"),
        ("space: {kind: cnn, num_filters: []}", "space.num_filters should"),
        ("space: {kind: cnn, strides: [1, 1]}", "strides must not repeat an option, got [1, 1]"),
        (
            "space: {kind: cnn, skip_connections: false, pool_layers: [3]}",
            "layers that choose nothing need one depth for all: start (6) equal to max (20)",
        ),
        (
            "{space: {kind: enas-micro, operations: [sep3, sep3]}}",
            "operations must not repeat an option, got ['sep3', 'sep3']",
        ),
        ("space: {kind: cnn, depth: {start: 9, max: 3}}", "max (3) must be at least start (9)"),
        ("task: {data: {format: npz}}", "task.data.path is missing"),
        # numbers
        ("seed: 1000000000000000000", "seed: expected a whole number of at most 18 digits"),
        (f"seed: '{'9' * 5000}'", "seed should be a whole number of at most 18 digits"),
        ("space: {kind: cnn, strides: [1, 1000000]}", "space.strides.1 should be at most 4,096"),
        ("space: {kind: cnn, depth: {max: 1001}}", "space.depth.max should be at most 1,000, got"),
        ("children: {epochs: true}", 'children.epochs should be a whole number, got "true"'),
        ("children: {learning_rate: .inf}", "learning_rate should be a finite number, got Infin"),
        (
            "children: {epochs: 1e300}",
            "epochs should be a whole number of at most 18 digits, got 1e+300",
        ),
        ("children: {device: gpu}", "children.device should be auto, cpu, cuda, or one of sever"),
        ("resources: {cpu: [1]}", "resources.cpu should be an amount such as 500m, 2 or 8Gi, got"),
        ("resources: {cpu: true}", "resources.cpu should be an amount such as 500m, 2 or 8Gi, got"),
        (
            "resources: {tolerations: [{tolerationSeconds: 1.5}]}",
            "resources.tolerations.0.tolerationSeconds should be text or a whole number, got 1.5",
        ),
        (
            f"resources: {{node_selector: {{{'k' * 318}: x}}}}",
            "a key of resources.node_selector should be at most 317 characters long, got",
        ),
        # what does not suit the rest
        (
            "search: {stop_at_score: 98}",
            "search.stop_at_score should be an accuracy, a fraction above 0 and at most 1, got 98",
        ),
        (
            "{task: {kind: text}, space: {kind: enas-rnn}, search: {stop_at_score: 0.9}}",
            "search.stop_at_score should be a perplexity, above 1, got 0.9",
        ),
        (
            "{task: {kind: text, level: characters}, space: {kind: enas-rnn}, "
            "search: {stop_at_score: 0}}",
            "search.stop_at_score should be bits per character, above 0, got 0",
        ),
        (
            "{task: {kind: translation, score: bleu, data: {path: p.tsv}}, "
            "space: {kind: enas-rnn}, search: {stop_at_score: 120}}",
            "search.stop_at_score should be BLEU, above 0 and at most 100, got 120",
        ),
        (
            "{task: {kind: text, max_words: 2}, space: {kind: enas-rnn}}",
            "task.max_words should be at least 3, got 2",
        ),
        (
            "search: {max_children: 3, children_per_round: 4}",
            "search: max_children (3) should hold a round of each replica, 1 x 4: set "
            "search.max_children to 4 or more, or search.children_per_round to fewer",
        ),
        # oddities
        ("task: []", "task should be a section of settings (key: value), got []"),
        ("children: null", "children should be a section of settings (key: value), got null"),
        ("{search: {kind: [shared]}}", "search.kind should be one of rounds, shared, final, "),
        ("{task: {kind: {a: b}}}", 'one of images, series, text, translation, got {"a": "b"}'),
        (
            "{task: {kind: null}}",
            "task.kind should be one of images, series, text, translation, got null",
        ),
        ("space: 2024-01-01", 'space should be a section of settings (key: value), got "2024-01-'),
        (f"name: {'x' * 41}", "name should be at most 40 characters long, got"),
        (f"? {'x' * 100_000}\n: 1", 'unknown setting "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx'),
        ("[]", "search.yaml: expected settings (key: value), got []"),
    ],
)
def test_a_bad_setting_gets_one_sentence(text: str, sentence: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parse(text)

    assert sentence in str(refused.value)
    assert "\n" not in str(refused.value)


def refused(text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        parse(text)
    return str(caught.value)


def test_all_bad_settings_are_told_in_one_go() -> None:
    assert refused("children: {epochs: 0, batch_size: 1}\nseeds: 3").splitlines() == [
        "search.yaml: 3 settings are wrong:",
        "  children.epochs should be at least 1, got 0",
        "  children.batch_size should be at least 2, got 1",
        "  unknown setting seeds; did you mean seed?",
    ]


def test_of_a_list_its_wrong_items_are_told_and_not_that_too_few_are_left() -> None:
    assert refused("space: {kind: cnn, strides: [0, x], filter_heights: []}").splitlines() == [
        "search.yaml: 3 settings are wrong:",
        "  space.filter_heights should be a list of at least 1, got []",
        "  space.strides.0 should be at least 1, got 0",
        '  space.strides.1 should be a whole number, got "x"',
    ]


def test_so_is_all_that_does_not_go_together() -> None:
    assert refused("{task: {kind: text}, search: {kind: shared}}").splitlines() == [
        "search.yaml: 2 settings are wrong:",
        "  space.kind cnn is for task.kind images, got task.kind text",
        "  search.kind shared needs a space that shares weights, got cnn",
    ]


def test_both_are_told_together_where_one_does_not_follow_from_the_other() -> None:
    assert refused(
        "{task: {kind: text}, resources: {gpu_count: -1}, seed: x, search: {stop_at_score: 0.5}}"
    ).splitlines() == [
        "search.yaml: 4 settings are wrong:",
        '  seed should be a whole number, got "x"',
        "  resources.gpu_count should be at least 0, got -1",
        "  space.kind cnn is for task.kind images, got task.kind text",
        "  search.stop_at_score should be a perplexity, above 1, got 0.5",
    ]
    # whether a space of this kind goes with the task, nobody knows
    assert refused("{task: {kind: text}, space: {kind: rnn}}").count("\n") == 0


def test_of_very_many_some_are_told() -> None:
    lines = refused(f"{{{', '.join(f'x{n}: 1' for n in range(100))}}}").splitlines()

    assert lines[0] == "search.yaml: 100 settings are wrong:"
    assert lines[-1] == "  and 80 more"
    assert len(lines) == 22


def test_a_whole_number_may_come_as_a_float() -> None:
    children = parse("children: {epochs: 4.0}").children  # Kubeflow's JSON does that

    assert isinstance(children, ImageChildrenConfig)
    assert children.epochs == 4


@pytest.mark.parametrize(
    ("text", "task", "children", "search"),
    [
        ("{}", ImageTaskConfig, ImageChildrenConfig, RoundsConfig),
        (
            "{task: {kind: text}, space: {kind: enas-rnn}}",
            TextTaskConfig,
            TextChildrenConfig,
            RoundsConfig,
        ),
        ("children: {evaluate: inline}", ImageTaskConfig, OwnChildrenConfig, RoundsConfig),
    ],
)
def test_kinds_that_follow_from_the_rest_may_be_left_out(
    text: str, task: type, children: type, search: type
) -> None:
    config = parse(text)

    assert [type(config.task), type(config.children), type(config.search)] == [
        task,
        children,
        search,
    ]


@pytest.mark.parametrize(
    ("text", "weights"),
    [
        ("{space: {kind: enas-macro}, search: {kind: shared}}", ImageWeightsConfig),
        (
            "{task: {kind: text}, space: {kind: enas-rnn}, search: {kind: shared}}",
            TextWeightsConfig,
        ),
    ],
)
def test_shared_weights_are_those_of_the_task(text: str, weights: type) -> None:
    search = parse(text).search

    assert isinstance(search, SharedConfig)
    assert type(search.weights) is weights
    assert (search.replicas, search.shards, search.wait_for) == (1, 1, None)


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20))
@example("data\U0001f600\x7f\x85\u2028\ufeff\\ud83d'\"#: \n\t\r\x1b")
def test_any_text_is_written_so_that_it_is_read_back_the_same(text: str) -> None:
    task = ImageTaskConfig(data=ImageFolderData(path=text))
    resources = ResourcesConfig(node_selector={text: text})
    config = preset("digits").model_copy(update={"task": task, "resources": resources})

    written = to_yaml(config)

    assert written.isascii()
    assert parse_config(parse_yaml(written, source="written"), source="written") == config


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"a: \xff", r"cannot read the configuration .*x\.yaml: 'utf-8' codec can't decode"),
        (
            b"#" * 2**20 + b"#",
            r"cannot read the configuration .*x\.yaml: expected at most 1,048,576",
        ),
        (b"0", r"x\.yaml: expected settings \(key: value\), got 0"),
        (b"1: 2", r"x\.yaml: line 1, column 1: a key should be text: put 1 in quotes"),
    ],
)
def test_a_file_that_is_no_document_is_named(tmp_path: Path, data: bytes, sentence: str) -> None:
    path = tmp_path / "x.yaml"
    path.write_bytes(data)

    with pytest.raises(ConfigError, match=sentence):
        read_config(path)


def test_an_empty_file_has_all_by_default_and_a_byte_order_mark_is_nothing(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"

    for data in (b"", b"# nothing", b"\xef\xbb\xbfseed: 0"):
        path.write_bytes(data)
        assert read_config(path) == SearchConfig()


@pytest.mark.parametrize("name", PRESETS)
def test_a_written_preset_reads_back_the_same(name: str, tmp_path: Path) -> None:
    path = tmp_path / "search.yaml"
    path.write_text(to_yaml(preset(name)))

    assert read_config(path) == preset(name)


def test_every_setting_is_explained_or_plain() -> None:
    explained = to_yaml(preset("digits")).count("#")

    assert explained >= 40


def test_a_file_that_is_no_yaml_is_named(tmp_path: Path) -> None:
    path = tmp_path / "broken.yaml"
    path.write_text("a: [1,\nb: {")

    with pytest.raises(ConfigError, match=r"broken\.yaml is not valid YAML"):
        read_config(path)


def test_a_file_is_named_by_a_text_or_a_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("search.yaml").write_text("seed: 7")

    assert read_config("search.yaml") == read_config(Path("search.yaml")) == SearchConfig(seed=7)
    with pytest.raises(ConfigError, match=r"cannot read the configuration absent\.yaml"):
        read_config("absent.yaml")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot read the configuration .*absent\.yaml"):
        read_config(tmp_path / "absent.yaml")


def test_an_unknown_preset_names_those_there_are() -> None:
    with pytest.raises(
        ConfigError, match="no preset is called 'digit'; there are digits, photos, photos-"
    ):
        preset("digit")


def test_overrides_change_single_settings() -> None:
    document = preset("digits").model_dump(mode="json")

    changed = apply_overrides(document, ["children.epochs=3", "space.num_filters=[4, 8]"])
    config = parse_config(changed, source="overrides")

    assert isinstance(config.children, ImageChildrenConfig)
    assert config.children.epochs == 3
    assert isinstance(config.space, CnnSpaceConfig)
    assert config.space.num_filters == (4, 8)
    assert document["children"]["epochs"] != 3


def test_another_kind_drops_the_settings_of_the_one_before() -> None:
    document = preset("digits").model_dump(mode="json")

    config = parse_config(apply_overrides(document, ["controller.kind=random"]), source="overrides")

    assert config.controller == RandomConfig()


def test_another_policy_drops_the_settings_of_the_one_before() -> None:
    document = preset("nas-cnn").model_dump(mode="json")
    overrides = ["controller.policy.hidden_size=9", "controller.policy.kind=enas"]

    config = parse_config(apply_overrides(document, overrides), source="overrides")

    assert isinstance(config.controller, ReinforceConfig)
    assert config.controller.policy == EnasPolicyConfig(hidden_size=9)
    assert config.controller.learning_rate == 6e-4  # the preset's: what it is of has not changed


@pytest.mark.parametrize("document", [preset("digits").model_dump(mode="json"), {}])
def test_a_controller_in_a_word_counts_before_its_settings_whatever_their_order(
    document: dict[str, object],
) -> None:
    overrides = ["controller.population=50", "controller=evolution"]

    changed = parse_config(apply_overrides(document, overrides), source="test")

    assert changed.controller == EvolutionConfig(population=50)
    on_kubeflow = {"controller.population": 50, "controller": "evolution"}
    resolved = resolve_config("digits", on_kubeflow, stored=None)
    assert resolved is not None
    assert resolved.controller == changed.controller


def test_settings_of_a_controller_that_a_document_has_in_a_word_may_be_changed() -> None:
    document = {"controller": "evolution"}

    changed = parse_config(apply_overrides(document, ["controller.population=50"]), source="test")

    assert changed.controller == EvolutionConfig(population=50)


def test_a_format_counts_before_its_settings_whatever_their_order() -> None:
    document = preset("digits").model_dump(mode="json")

    changed = apply_overrides(document, ["task.data.path=photos", "task.data.format=image_folder"])

    data = parse_config(changed, source="test").task.data
    assert data == ImageFolderData(path="photos")


@pytest.mark.parametrize(
    ("override", "sentence"),
    [
        ("children.epochs", 'an override looks like children.epochs=5, got "children.epochs"'),
        ("seed.deep=1", "no settings lie below seed"),
        ("seed=[1", "is not valid YAML"),
    ],
)
def test_a_bad_override_gets_one_sentence(override: str, sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        apply_overrides(preset("digits").model_dump(mode="json"), [override])


@pytest.mark.parametrize(
    "override",
    ["search.max_children=[" + "[" * 1000, "space.kind=!!timestamp x", "seed=" + "9" * 5000],
)
def test_a_value_that_is_no_document_either_is_refused_with_its_override(override: str) -> None:
    with pytest.raises(ConfigError) as caught:
        apply_overrides(preset("digits").model_dump(mode="json"), [override])

    assert str(caught.value).startswith(f'the value in "{override[:20]}')
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    ("overrides", "sentence"),
    [
        ({"children": {"epochs": 10**20}}, "overrides: children.epochs: expected a whole number"),
        ({"children": {1: 2}}, "overrides: children: expected keys that are text, got 1"),
        ({"search.max_children": 3.0}, "max_children (3) should hold a round of each replica"),
    ],
)
def test_so_are_overrides_of_pipelines(overrides: dict[str, object], sentence: str) -> None:
    with pytest.raises(ConfigError) as caught:
        resolve_config("digits", overrides, stored=None)

    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    "override",
    [
        "name=other",
        "search.max_children=999",
        "search.stop_at_score=0.9",
        "search.wait_for=5",
        "search.grace_s=1",
        "search.lease_s=1",
        "resources.memory_mb=100",
        "children.keep=9",
        "children.max_attempts=1",
        "children.checkpoint_every_s=0",
        "children.device=cpu",
    ],
)
def test_budget_and_resources_leave_the_identity_as_it_is(override: str) -> None:
    assert changed(override) != preset("digits")
    assert identity(changed(override), "data") == identity(preset("digits"), "data")
    assert differences(preset("digits"), changed(override)) == []


@pytest.mark.parametrize(
    "override",
    [
        "seed=1",
        "children.epochs=99",
        "space.num_filters=[4]",
        "controller.kind=random",
        "search.children_per_round=2",
        "search.replicas=2",
        "search.shards=2",
        "controller.chosen={kind: gaussian-process, initial: 9}",
        "task.valid_fraction=0.3",
    ],
)
def test_all_else_makes_another_search(override: str) -> None:
    assert identity(changed(override), "data") != identity(preset("digits"), "data")
    assert len(differences(preset("digits"), changed(override))) >= 1


@pytest.mark.parametrize("override", ["search.tick_minutes=1", "search.weights.device=cpu"])
def test_nor_is_it_of_the_search_how_long_shared_weights_train_at_once_and_where(
    override: str,
) -> None:
    shared = preset("enas-micro-digits")

    assert changed(override, shared) != shared
    assert identity(changed(override, shared), "data") == identity(shared, "data")


@pytest.mark.parametrize("override", ["search.weights.epochs=3", "search.derive.keep=1"])
def test_how_shared_weights_are_trained_is_of_the_search(override: str) -> None:
    shared = preset("enas-micro-digits")

    assert identity(changed(override, shared), "data") != identity(shared, "data")
    (difference,) = differences(shared, changed(override, shared))
    assert difference.startswith(override.partition("=")[0])


def test_other_data_makes_another_search() -> None:
    assert identity(preset("digits"), "data") != identity(preset("digits"), "other data")


def test_a_path_is_no_identity_but_its_data_is() -> None:
    here, there = (parse(f"task: {{data: {{format: idx, path: {path}}}}}") for path in ("/a", "/b"))

    assert identity(here, "data") == identity(there, "data")


def test_a_folder_stored_before_pictures_could_be_padded_or_grouped_is_the_same_search() -> None:
    before = "format: image_folder, path: /photos, size: 32, grey: false, background: white"
    more = "fit: stretch, on_error: refuse, group: null"
    stored, now = (parse(f"task: {{data: {{{each}}}}}") for each in (before, f"{before}, {more}"))

    assert stored == now
    assert differences(stored, now) == []
    padded = parse(f"task: {{data: {{{before}, fit: pad}}}}")
    assert differences(stored, padded) == ['task.data.fit is "stretch" there and "pad" here']


@pytest.mark.parametrize("pattern", ["(", "*", "[a-"])
def test_a_group_that_is_no_regular_expression_is_refused(pattern: str) -> None:
    document = {"task": {"data": {"format": "image_folder", "path": "p", "group": pattern}}}
    with pytest.raises(ConfigError, match=r"task\.data\.group.*a regular expression"):
        parse_config(document, source="x.yaml")


def test_differences_are_told_in_words() -> None:
    assert differences(preset("digits"), changed("children.epochs=99")) == [
        "children.epochs is 15 there and 99 here"
    ]


def changed(override: str, config: SearchConfig | None = None) -> SearchConfig:
    document = (config or preset("digits")).model_dump(mode="json")
    return parse_config(apply_overrides(document, [override]), source="test")


LABELS = st.dictionaries(
    st.sampled_from(["disk", "cloud.google.com/gke-accelerator", "a.b.c/d.e", "kind"]),
    st.text("abc.-", max_size=5),
    max_size=3,
)
TOLERATIONS = st.fixed_dictionaries(
    {"key": st.just("spot"), "operator": st.just("Exists")},
    optional={"tolerationSeconds": st.integers(0, 3600)},
)
RESOURCES = st.builds(
    ResourcesConfig,
    fanout=st.sampled_from([None, "tasks", "jobs", "pod"]),
    cpu=st.sampled_from(["1", "500m", "4"]),
    gpu_count=st.integers(0, 8),
    node_selector=LABELS,
    tolerations=st.lists(TOLERATIONS, max_size=2).map(tuple),
)
DATA = st.sampled_from(
    [
        NpzData(path="data.npz"),
        ImageFolderData(path="data", size=64),
        IdxData(path="cifar-10-python.tar.gz"),  # the path of another format in a preset
        Cifar10Data(path="cifar-10-python.tar.gz"),
        Cifar10Data(path="elsewhere.tar.gz"),
    ]
)
CHANGES = st.fixed_dictionaries(
    {},
    optional={
        "name": st.sampled_from(["a", "digits", "my-search"]),
        "seed": st.integers(0, 10**18 - 1),
        "task": st.builds(ImageTaskConfig, data=DATA, max_train=st.none() | st.integers(1, 9)),
        "space": cnn_configs() | st.just(CustomSpaceConfig(object="spaces:mine")),
        "controller": st.just(RandomConfig())
        | st.builds(
            ReinforceConfig,
            policy=st.builds(NasPolicyConfig, hidden_size=st.integers(1, 99))
            | st.builds(EnasPolicyConfig, tanh_constant=st.none() | st.floats(0.5, 5)),
        ),
        "search": st.builds(RoundsConfig, stop_at_score=st.none() | st.floats(0.01, 1)),
        "resources": RESOURCES,
    },
)
FINALS = st.fixed_dictionaries(
    {"size": st.just(SizeConfig())},  # of any space
    optional={
        "top": st.integers(1, 9),
        "follows": st.booleans(),
        "grid": st.sampled_from([{}, {"batch_size": [16, 32], "weight_decay": [0.0, 1e-3]}]),
    },
)


def through_kubeflow(overrides: dict[str, object]) -> dict[str, object]:
    """Return what a pipeline's dict parameter arrives as: all numbers are floats."""
    return dict(json.loads(json.dumps(overrides), parse_int=float))


@given(st.sampled_from([*PRESETS]), CHANGES, FINALS)
def test_preset_and_overrides_mean_the_configuration_they_are_made_of(
    base: str, changes: dict[str, object], final: dict[str, object]
) -> None:
    own = preset(base)
    if own.search.kind == "shared" or own.task.kind != "images":  # with its space, task and budget
        fixed = ("task", "space", "search")
        changes = {key: value for key, value in changes.items() if key not in fixed}
    if preset(base).space.has_cells:  # which are trained by settings that others refuse
        changes.pop("space", None)
    changes["final"] = preset(base).final.model_copy(update=final)
    config = preset(base).model_copy(update=changes)

    name, overrides = as_preset(config)

    assert resolve_config(name, overrides, stored=None) == config
    assert resolve_config(name, through_kubeflow(overrides), stored=None) == config


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_needs_no_overrides(name: str) -> None:
    assert as_preset(preset(name)) == (name, {})


def test_overrides_are_the_settings_that_differ_from_the_closest_preset() -> None:
    document = apply_overrides(
        preset("nas-cnn-strides").model_dump(mode="json"),
        ["children.epochs=3", "controller.kind=random", "resources.node_selector={a.b/c: x}"],
    )

    assert as_preset(parse_config(document, source="test")) == (
        "nas-cnn-strides",
        {
            "children.epochs": 3,
            "controller.kind": "random",
            "resources.node_selector": {"a.b/c": "x"},
        },
    )


def test_shared_weights_come_and_go_by_overrides() -> None:
    shared = preset("enas-micro-digits")
    without = shared.model_copy(update={"search": RoundsConfig()})
    name, overrides = as_preset(without)
    assert name == "enas-micro-digits"
    assert overrides["search.kind"] == "rounds"
    assert all(key.startswith("search.") for key in overrides)
    assert resolve_config(name, overrides, stored=None) == without

    # all else is as by default
    epochs = {"search": {"kind": "shared", "weights": {"epochs": 3}}}
    assert resolve_config("", epochs, stored=without) == without.model_copy(
        update={"search": SharedConfig(weights=ImageWeightsConfig(epochs=3))}
    )


def test_a_seed_that_no_float_holds_is_handed_on_as_text() -> None:
    config = preset("digits").model_copy(update={"seed": 2**53 + 1})

    assert as_preset(config) == ("digits", {"seed": "9007199254740993"})


@pytest.mark.parametrize(
    "overrides",
    [
        {"resources": {"node_selector": {"cloud.google.com/gke-accelerator": "l4"}}},
        {"resources.node_selector": {"cloud.google.com/gke-accelerator": "l4"}},
    ],
)
def test_labels_of_nodes_keep_their_dots(overrides: dict[str, object]) -> None:
    config = resolve_config("digits", overrides, stored=None)

    assert config is not None
    assert config.resources.node_selector == {"cloud.google.com/gke-accelerator": "l4"}


def test_an_unknown_section_of_overrides_is_still_named() -> None:
    with pytest.raises(ConfigError, match="unknown setting childre; did you mean children"):
        resolve_config("digits", {"childre": {"epochs": 3}}, stored=None)


@pytest.mark.parametrize("order", [1, -1])
def test_overrides_need_no_order(order: int) -> None:
    overrides = {
        "search": {"weights": {"epochs": 2, "threads": 2}},
        "search.weights.epochs": 4,
        "search.kind": "shared",
        "space.kind": "enas-macro",
    }
    config = resolve_config("digits", dict(list(overrides.items())[::order]), stored=None)

    assert config is not None
    assert isinstance(config.search, SharedConfig)
    assert (config.search.weights.epochs, config.search.weights.threads) == (4, 2)
    assert config.controller.proposer.kind == "reinforce"  # auto chooses anew
