"""The words on the page of one search: what its numbers mean, and how to do it again."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from nas_lib.config import CustomSpaceConfig
from nas_lib.config_file import to_yaml
from nas_lib.report.document import fold, paragraph
from nas_lib.report.markup import Markup, join, tag
from nas_lib.report.shared_words import shared_explanations
from nas_lib.report.view import SearchView

_LEARNED = "What the controller learns is to propose networks with a higher one."
_LEARNS = {
    "reinforce": _LEARNED,
    "enas": _LEARNED,
    "random": "This controller proposes at random and learns nothing: others are measured by it.",
}


def explanations(view: SearchView) -> Iterator[Markup]:
    """Yield what a reader who never saw such a search needs to know."""
    if view.config.shared is not None:
        yield from shared_explanations(view)
    else:
        yield paragraph(
            "A controller proposes networks, called children. Each is trained from scratch and "
            "then judged; the judgement is its reward. ",
            _LEARNS[view.config.controller.kind],
        )
    if not view.config.children.evaluate:
        yield paragraph(_reward_sentence(view))
        yield paragraph(_held_out(view))
    yield paragraph(
        "A child that diverged or ran out of memory has reward 0, which counts "
        "like any other. One that crashed or went missing says nothing about its architecture "
        "and is not counted."
    )
    if view.config.search.replicas > 1:
        yield from _asynchrony(view.config.search.replicas)
    if view.config.shared is None:
        yield paragraph(
            "Children per hour are counted while the search was at work: from the end of each "
            "replica's first round in a run to the end of its last. Pauses between runs do not "
            "count."
        )


def _asynchrony(num_replicas: int) -> Iterator[Markup]:
    yield paragraph(
        f"The controller has {num_replicas:,} replicas. They share its parameters, and none waits "
        "for another: each reads the parameters, proposes a round of children, and when these are "
        "trained writes back what they teach. Meanwhile others have written too, so that it learns "
        "from a slightly older controller than the one it changes. How many of their updates lie "
        f"between is its staleness. Replicas of equal pace have about {num_replicas - 1:,}, one "
        "for each of the others; a slow one has more. A little does no harm; where it grows and "
        "the mean reward stands still, fewer replicas or a lower learning rate help."
    )
    yield paragraph(
        "A lost race is an update that came second to the same version of the parameters. It was "
        "made again on top of the first: nothing is lost but a moment."
    )


def _held_out(view: SearchView) -> str:
    """Say what the validation and test data are for."""
    what, score = ("text", "perplexity") if view.config.is_text else ("images", "accuracy")
    is_, are = ("is", "it") if view.config.is_text else ("are", "them")
    chosen = " and of the best network that shared weights chose" if view.config.shared else ""
    return (
        f"Validation {what} {is_} held out: no child is trained on {are}. Still, the winner is the "
        f"best of many on exactly this data, so part of its lead is luck and its validation "
        f"{score} flatters it. The test {what} {is_} used for nothing but one reading of the "
        f"winner{chosen}: its test {score} is what to expect on new {what}."
    )


def _reward_sentence(view: SearchView) -> str:
    reward = view.config.children.reward
    if view.config.is_text:
        return (
            "Perplexity is how many equally likely words would be as hard to tell the next one "
            f"from: the lower, the better. The reward is {reward.perplexity_constant:g} / "
            f"perplexity, of the best of a child's last {reward.last_epochs} epochs on the "
            f"validation text, to the power of {reward.power:g}."
        )
    return (
        f"The reward is the best validation accuracy of a child's last {reward.last_epochs} "
        f"epochs, as a fraction, to the power of {reward.power:g}. A power above 1 makes more of "
        "small differences among good networks."
    )


def reproduction(view: SearchView) -> Markup:
    """Return how to run the same search again."""
    if _needs_python(view):
        text = (
            "This search was started from Python with objects of the user's own: pass the same "
            "ones to nas_lib.search together with the configuration below."
        )
        return join(tag("h3", "How to do it again"), paragraph(text))
    folder = f"{view.config.name}-again"
    commands = (
        f"nas search search.yaml --store {shlex.quote(folder)}   # the same search from the start\n"
        f"nas top {shlex.quote(view.uri)} --top 25   # look at this one"
    )
    return join(
        tag("h3", "How to do it again"),
        paragraph("Save the configuration below as ", tag("code", "search.yaml"), ", then:"),
        tag("pre", commands),
        paragraph(_same_again(view.config.search.replicas), class_="soft"),
    )


def _same_again(num_replicas: int) -> str:
    if num_replicas > 1:
        return (
            "Several replicas learn from each other in the order in which they happen to be done, "
            "so other children will come out, as good on average."
        )
    return (
        "On the same type of processor, device and torch build the same children come out "
        "with the same rewards, whatever the number of workers."
    )


def _needs_python(view: SearchView) -> bool:
    space = view.config.space
    own_space = isinstance(space, CustomSpaceConfig) and space.object == "inline"
    return own_space or view.config.children.evaluate == "inline"


def configuration(view: SearchView) -> Markup:
    """Return the search's configuration as YAML, folded away."""
    return fold("Configuration, with every default", tag("pre", to_yaml(view.config)))
