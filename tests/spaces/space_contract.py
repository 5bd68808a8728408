"""What every space promises; a new one costs its settings, an example and what it refuses."""

from __future__ import annotations

import re
from typing import Any, ClassVar, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError
from space_strategies import tokens_of

from nas_lib.architecture import Architecture
from nas_lib.errors import ArchitectureError, ConfigError
from nas_lib.named_objects import imported
from nas_lib.spaces import (
    Choice,
    PlannedSpace,
    SizeConfig,
    Space,
    SpaceConfig,
    SpacePart,
    num_tokens,
)

Tokens = tuple[int, ...]
Refusal = tuple[str, str]
"""A text, and the beginning or another part of the sentence that refuses it, as a pattern."""

# Each subclass runs these tests for itself, which hypothesis takes for a mistake.
_INHERITED = [HealthCheck.differing_executors]
any_of_all = settings(deadline=None, suppress_health_check=_INHERITED)
any_of_some = settings(any_of_all, max_examples=20)


class Example(NamedTuple):
    """One architecture, spelt out.

    Attributes:
        space: That it is of.
        tokens: The controller's.
        text: Its configuration string.
        id: Which must not change from release to release.
        brief: What its plan is called in few words; None where there is no plan.
    """

    space: Space
    tokens: Tokens
    text: str
    id: str
    brief: str | None = None


class SpaceContract:
    """Give a subclass named Test... what stands here.

    Attributes:
        configs: Any settings.
        example: An architecture, spelt out.
        narrow: A space for strangers; by default that of the example.
        strangers: Texts of architectures of other spaces, and how the sentences read that say so.
    """

    configs: ClassVar[st.SearchStrategy[Any]]
    example: ClassVar[Example]
    narrow: ClassVar[Space | None] = None
    strangers: ClassVar[list[Refusal]]

    def build(self, config: SpacePart, data: st.DataObject) -> Space:
        """Return the space of its settings."""
        return config.build()

    def meaning(self, config: SpacePart, tokens: Tokens) -> object:
        """Return what is equal for equal networks; tokens, unless several mean the same."""
        return tokens

    def draw(self, data: st.DataObject) -> tuple[SpacePart, Space, int, Tokens]:
        """Return any settings, their space, a depth that it comes to, and tokens for that."""
        config = data.draw(self.configs)
        space = self.build(config, data)
        depth = space.depth(data.draw(st.integers(0, 50)))
        return config, space, depth, data.draw(tokens_of(space.decisions(depth)))

    @given(st.data())
    @any_of_all
    def test_every_token_sequence_decodes_and_comes_back(self, data: st.DataObject) -> None:
        config, space, _, tokens = self.draw(data)

        architecture = space.decode(tokens)
        back = space.encode(architecture)

        assert isinstance(space, Space)
        assert (architecture.space, architecture.tokens) == (space.name, tokens)
        assert space.decode(back).config == architecture.config
        assert self.meaning(config, back) == self.meaning(config, tokens)

    @given(st.data())
    @any_of_some
    def test_every_option_of_a_decision_may_be_taken_and_nothing_else(
        self, data: st.DataObject
    ) -> None:
        config, space, depth, tokens = self.draw(data)
        limits = [(each, i) for each in space.decisions(depth) for i in range(each.num_tokens)]
        if not limits:
            return
        position = data.draw(st.integers(0, len(limits) - 1))
        decision, _ = limits[position]

        def decode(token: int) -> Architecture:
            return space.decode((*tokens[:position], token, *tokens[position + 1 :]))

        for token in range(decision.num_values):
            option = decode(token)
            meant = self.meaning(config, option.tokens)
            assert self.meaning(config, space.encode(option)) == meant
        for token in (-1, decision.num_values):
            sentence = (
                f"token {position} ({decision.kind}) must be in [0, {decision.num_values}), "
                f"got {token}"
            )
            with pytest.raises(ArchitectureError, match=f"^{re.escape(sentence)}$"):
                decode(token)

    @given(st.data())
    @any_of_some
    def test_too_few_or_too_many_tokens_are_refused(self, data: st.DataObject) -> None:
        _, space, *_ = self.draw(data)
        lengths = {num_tokens(space.decisions(depth)) for depth in range(1, space.max_depth + 1)}
        length = data.draw(st.integers(0, max(lengths) + 2).filter(lambda num: num not in lengths))

        with pytest.raises(ArchitectureError, match=rf"^{length} tokens are no |, got {length}$"):
            space.decode((0,) * length)

    @given(st.data())
    @any_of_some
    def test_the_depth_never_shrinks_and_a_smaller_one_is_a_prefix_of_the_greatest(
        self, data: st.DataObject
    ) -> None:
        _, space, depth, _ = self.draw(data)
        depths = [space.depth(num_children) for num_children in range(51)]
        smaller = space.decisions(depth)

        assert depths == sorted(depths)
        assert depths[0] >= 1
        assert space.depth(10**9) <= space.max_depth
        assert space.decisions(space.max_depth)[: len(smaller)] == smaller

    @given(st.data())
    @any_of_some
    def test_a_changed_text_is_refused_with_a_sentence_or_is_another_architecture(
        self, data: st.DataObject
    ) -> None:
        _, space, _, tokens = self.draw(data)
        text = space.decode(tokens).config
        at = data.draw(st.integers(0, len(text)))
        inserted = data.draw(st.sampled_from(["", *"0129x, |()+<", text]) | st.text(max_size=2))
        changed = text[:at] + inserted + text[at + data.draw(st.integers(0, 2)) :]

        try:
            meant = space.decode(space.encode(Architecture(space.name, tokens, changed))).config
        except ArchitectureError as err:
            sentence = str(err)
            meant = None

        assert meant in (None, changed)
        if meant is None:
            assert "got " in sentence or sentence.startswith(
                f"not an architecture of this space: {changed}"
            )

    @given(st.data())
    @any_of_some
    def test_settings_survive_a_document_in_which_nothing_else_may_stand(
        self, data: st.DataObject
    ) -> None:
        config, *_ = self.draw(data)
        adapter: TypeAdapter[SpacePart] = TypeAdapter(SpaceConfig)

        read = adapter.validate_json(config.model_dump_json())

        assert read == config
        with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
            type(config)(**{**config.model_dump(), "colour": "red"})

    @given(st.data())
    @any_of_some
    def test_settings_tell_what_they_are_settings_of(self, data: st.DataObject) -> None:
        config, space, depth, _ = self.draw(data)
        choices = [each for each in space.decisions(depth) if isinstance(each, Choice)]

        assert set(config.tasks) <= {"images", "series", "text", "translation"}
        if config.num_options is not None:
            assert {choice.num_options for choice in choices} <= {config.num_options}

    @given(st.data())
    @any_of_some
    def test_weights_are_shared_by_a_network(self, data: st.DataObject) -> None:
        from torch import nn  # not above: all else needs no torch

        config, *_ = self.draw(data)
        if config.super_network:
            assert issubclass(imported(config.super_network), nn.Module)

    def test_an_example_is_spelt_out(self) -> None:
        architecture = self.example.space.decode(self.example.tokens)

        assert architecture.config == self.example.text
        again = self.example.space.decode(self.example.space.encode(architecture))
        assert again.config == self.example.text

    def test_an_id_does_not_change_from_release_to_release(self) -> None:
        assert self.example.space.decode(self.example.tokens).id == self.example.id

    def test_an_architecture_of_another_space_is_refused(self) -> None:
        space = self.narrow or self.example.space

        for text, sentence in self.strangers:
            with pytest.raises(ArchitectureError, match=sentence):
                space.encode(Architecture(space.name, self.example.tokens, text))


class PlannedSpaceContract(SpaceContract):
    """What spaces promise whose tokens mean a plan.

    Attributes:
        misspelt: Texts that spell no plan, and how the sentences read that say so.
        sizes: Any that its networks may have in the end.
    """

    misspelt: ClassVar[list[Refusal]]
    sizes: ClassVar[st.SearchStrategy[SizeConfig]] = st.just(SizeConfig())

    def resized(self, plan: Any, size: SizeConfig) -> Any:
        """Return the plan at another size, by hand."""
        return plan

    def num_layers(self, config: Any, depth: int, tokens: Tokens) -> int | None:
        """Return the layers of a network, None where there are none."""
        return None

    @pytest.fixture
    def planned(self) -> PlannedSpace[Any]:
        assert isinstance(self.example.space, PlannedSpace)
        return self.example.space

    @given(st.data())
    @any_of_all
    def test_the_plan_that_is_built_is_the_one_that_its_text_spells_out(
        self, data: st.DataObject
    ) -> None:
        config, space, depth, tokens = self.draw(data)
        assert isinstance(space, PlannedSpace)

        plan = space.plan(tokens)

        assert isinstance(plan, space.plan_class)
        assert str(plan) == space.decode(tokens).config
        assert space.plan_class.parse(str(plan)) == plan
        assert plan.num_layers == self.num_layers(config, depth, tokens)
        assert len(plan.brief) <= len(str(plan))

    def test_an_examples_plan_is_named_in_few_words(self, planned: PlannedSpace[Any]) -> None:
        assert planned.plan(self.example.tokens).brief == self.example.brief

    def test_a_text_of_another_form_is_refused(self, planned: PlannedSpace[Any]) -> None:
        for text, sentence in self.misspelt:
            with pytest.raises(ArchitectureError, match=sentence):
                planned.plan_class.parse(text)

    def test_a_number_that_cannot_be_is_refused(self, planned: PlannedSpace[Any]) -> None:
        text = re.sub(r"\d+", "9" * 5000, self.example.text, count=1)

        with pytest.raises(ArchitectureError, match="more than nine digits"):
            planned.encode(Architecture(planned.name, (), text))

    @given(st.data())
    @settings(any_of_all, max_examples=40)
    def test_the_network_of_any_plan_runs_and_every_parameter_learns(
        self, data: st.DataObject
    ) -> None:
        from learning_networks import TASKS  # loads torch

        config, space, _, tokens = self.draw(data)
        assert isinstance(space, PlannedSpace)

        task = data.draw(st.sampled_from(config.tasks))
        network = TASKS[task](config, space.plan(tokens), data)

        for parameter in network.parameters():
            assert parameter.grad is not None  # nothing is built that nothing takes
            assert parameter.grad.isfinite().all()

    @given(st.data())
    @settings(any_of_all, max_examples=25)
    def test_at_another_size_tokens_mean_the_same_network_which_builds_and_runs(
        self, data: st.DataObject
    ) -> None:
        from learning_networks import TASKS  # loads torch

        config, space, depth, tokens = self.draw(data)
        size = data.draw(self.sizes)
        assert isinstance(space, PlannedSpace)

        resized = config.at_size(size)

        other = resized.build()
        assert isinstance(other, PlannedSpace)
        plan = other.plan(tokens)
        assert plan == self.resized(space.plan(tokens), size)
        assert other.decisions(depth) == space.decisions(depth)
        assert str(other.plan(other.encode(other.decode(tokens)))) == str(plan)
        TASKS[data.draw(st.sampled_from(config.tasks))](resized, plan, data)

    @given(st.data())
    @settings(any_of_all, max_examples=5)
    def test_only_a_size_of_its_own_changes_a_space(self, data: st.DataObject) -> None:
        config, *_ = self.draw(data)

        assert config.at_size(SizeConfig()) == config
        for name in SizeConfig.model_fields.keys() - set(config.sizes):
            sentence = f"^final.size.{name} is not for space.kind {config.kind}"
            with pytest.raises(ConfigError, match=sentence):
                config.at_size(SizeConfig(**{name: 9}))


class PublishedSpaceContract(PlannedSpaceContract):
    """What spaces promise that read what the published code writes.

    Attributes:
        unpublished: Such texts that the example's space refuses, and the sentences.
    """

    unpublished: ClassVar[list[Refusal]]

    def published(self, tokens: Tokens) -> Tokens:
        """Return the numbers in the published order."""
        return tokens

    @given(st.data())
    @any_of_all
    def test_what_the_published_code_writes_is_read(self, data: st.DataObject) -> None:
        _, space, _, tokens = self.draw(data)

        published = " ".join(map(str, self.published(tokens)))

        assert space.from_published(published) == space.decode(tokens)  # type: ignore[attr-defined]

    def test_published_texts_of_another_space_are_refused(self) -> None:
        for text, sentence in self.unpublished:
            with pytest.raises(ArchitectureError, match=sentence):
                self.example.space.from_published(text)  # type: ignore[attr-defined]
