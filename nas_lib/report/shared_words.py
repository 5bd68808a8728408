"""What the numbers of a search by shared weights mean, in sentences."""

from __future__ import annotations

from collections.abc import Iterator

from nas_lib.config import EnasRnnSpaceConfig
from nas_lib.records import SharedEpoch
from nas_lib.report.correlation import FEW, Correlation
from nas_lib.report.derivation import Agreement, Derivation, Sample, derivation
from nas_lib.report.document import paragraph
from nas_lib.report.markup import Markup
from nas_lib.report.measure import Measure
from nas_lib.report.view import SearchView
from nas_lib.report.wording import NONE, duration_text, plural

_PLAIN = "with shared weights"
_OWN_MODES = {"refit": "after refitting", "batch": "batch statistics", "running": _PLAIN}


def agreements(view: SearchView, derived: Derivation) -> Iterator[tuple[str, str, Correlation]]:
    """Yield each rank correlation: over what, in which mode, and itself."""
    groups = {"all derived networks": derived.all}
    if any(row.is_probe for row in derived.rows):
        groups["those drawn at random"] = derived.probes
    own, running = mode_names(view, derived.all)
    for name, agreement in groups.items():
        yield name, own, agreement.own
        if agreement.running is not None:
            yield name, running, agreement.running


def derivation_lines(view: SearchView) -> Iterator[str]:
    """Yield in lines of text what was derived, nothing before it was."""
    derived = derivation(view)
    if derived is None:
        return
    for name, mode, correlation in agreements(view, derived):
        if correlation.num:
            yield (
                f"Kendall's tau over {name}, {mode}: {tau_text(correlation)} "
                f"({plural(correlation.num, 'network')}): {judgement(correlation)}."
            )
    yield from against_random(derived, view.measure)


def tau_text(correlation: Correlation) -> str:
    """Return the coefficient with two decimals."""
    return NONE if correlation.tau is None else f"{correlation.tau:.2f}"


def mode_names(view: SearchView, agreement: Agreement) -> tuple[str, str]:
    """Return what scores in the search's own mode and with running averages are called."""
    if agreement.running is None or view.config.shared is None:
        return _PLAIN, ""
    mode = view.config.shared.batch_norm
    return _OWN_MODES[mode], "before refitting" if mode == "refit" else "running averages"


def judgement(correlation: Correlation) -> str:
    """Return what a correlation shows and what it does not."""
    if correlation.tau is None:
        return "nothing to rank"
    if correlation.is_distinguishable:
        verdict = "alike" if correlation.tau > 0 else "the other way round"
        words = f"ranked {verdict}, more than chance would have it"
    else:
        words = "not distinguishable from 0"
    return f"{words}; fewer than {FEW}, so a hint at most" if correlation.is_few else words


def against_random(derivation: Derivation, measure: Measure) -> Iterator[str]:
    """Yield how the kept networks compare with random ones that were trained alike."""
    kept, drawn = derivation.kept_sample, derivation.probe_sample
    if kept is not None:
        yield f"Kept: {_sample_text(kept, measure)}."
    if drawn is not None:
        yield f"Drawn at random, and trained alike: {_sample_text(drawn, measure)}."
    if kept is None or drawn is None or derivation.kept_wins is None:
        return
    yield (
        f"A kept network is better than one drawn at random in {derivation.kept_wins:.0%} of all "
        "pairs of both; chance would give 50%."
    )
    if drawn.num != kept.num:
        more = "random" if drawn.num > kept.num else "kept"
        yield f"There are more {more} ones, which helps the best of them but not their mean."


def _sample_text(sample: Sample, measure: Measure) -> str:
    best = measure.text(sample.best)
    if sample.num == 1:
        return f"1 network, {best}"
    mean = measure.text(sample.mean, error=sample.standard_error)
    return f"{plural(sample.num, 'network')}, best {best}, mean {mean}"


def shared_explanations(view: SearchView) -> Iterator[Markup]:
    """Yield what a reader who never saw a search by shared weights needs to know."""
    shared = view.config.shared
    if shared is None:
        return
    yield paragraph(
        "One large network owns the weights of every architecture that can be proposed. In each "
        "epoch it is trained on all training data, each mini-batch with another architecture. ",
        _turns(view),
        " So judging a proposal takes moments, and no network is trained for it alone.",
    )
    yield paragraph(
        "In the end many proposals are scored with the shared weights on all validation data. The "
        f"best {shared.derive.keep} are kept and trained from scratch, as children. ",
        _probes_sentence(shared.derive.probes),
        "A score with shared weights only serves to rank: what a network can do, its score from "
        "scratch says.",
    )
    yield paragraph(
        "Kendall's tau is the share of pairs that both scores put in the same order, less the "
        "share in the other order: 1 is the same ranking, 0 nothing in common, -1 the reverse. "
        "Where there is nothing in common it still comes out as more or less than 0 by chance; "
        "twice what the table gives for that proves nothing yet. The kept ones were chosen by one "
        "of the scores and have little range left to rank, so look at those drawn at random by "
        "themselves too.",
    )
    if shared.batch_norm != "running" and _has_batch_norm(view):
        yield paragraph(_batch_norm_sentence(shared.batch_norm))


def _probes_sentence(num_probes: int) -> str:
    if not num_probes:
        return ""
    return (
        f"So are {num_probes} drawn uniformly at random, which the controller had no part in: they "
        "show whether shared weights rank at all, and what random networks come to. "
    )


def _turns(view: SearchView) -> str:
    if view.config.controller.kind == "random":
        return (
            "The controller proposes at random and learns nothing: others are measured by it. What "
            "its steps would have cost is spent on scoring more proposals in the end."
        )
    return (
        "Then the controller proposes architectures, each is judged with the shared weights on one "
        "mini-batch of validation data, and that is its reward. What the controller learns is to "
        "propose architectures with a higher one."
    )


def _has_batch_norm(view: SearchView) -> bool:
    space = view.config.space
    return not isinstance(space, EnasRnnSpaceConfig) or space.batch_norm


def _batch_norm_sentence(mode: str) -> str:
    own = (
        "refitted for an architecture before it is judged"
        if mode == "refit"
        else "of the validation batch itself"
    )
    return (
        "BatchNorm's running averages are over all architectures and fit none. Here they are "
        f"{own}; scores with the running averages are shown for comparison."
    )


def epoch_text(metrics: SharedEpoch, measure: Measure) -> str:
    """Return what an epoch of shared-weight training came to, in one line."""
    reward = "" if metrics.mean_reward is None else f", mean reward {metrics.mean_reward:.4f}"
    entropy = "" if metrics.entropy is None else f", entropy {metrics.entropy:.2f}"
    score = f"mean {measure.name} {measure.text(metrics.mean_score)}"
    duration = duration_text(metrics.seconds + metrics.controller_seconds)
    return (
        f"shared weights, epoch {metrics.epoch}: loss {metrics.train_loss:.4f}, "
        f"{score}{reward}{entropy}, {duration}"
    )
