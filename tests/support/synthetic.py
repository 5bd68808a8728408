"""Searches that nobody ran: made up, seeded, and as varied as a report must bear."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal

from nas_lib.architecture import Architecture
from nas_lib.config import (
    CnnSpaceConfig,
    ControllerConfig,
    DepthConfig,
    DeriveConfig,
    EnasMacroSpaceConfig,
    EnasMicroSpaceConfig,
    EnasPolicyConfig,
    EnasRnnSpaceConfig,
    FinalsConfig,
    ImageChildrenConfig,
    ImageTaskConfig,
    ImageWeightsConfig,
    RandomConfig,
    ReinforceConfig,
    RoundsConfig,
    SearchConfig,
    SharedConfig,
    SpaceConfig,
    TextTaskConfig,
    TextWeightsConfig,
    TransferConfig,
)
from nas_lib.config.final import points
from nas_lib.records import (
    ChildId,
    ChildRow,
    Derived,
    EpochMetrics,
    Learned,
    SharedEpoch,
    SharedScore,
    Speed,
    Status,
    TestReading,
)
from nas_lib.results import ACCURACY, PERPLEXITY, DataSummary, Measure, SearchView
from nas_lib.spaces import Choice, CnnSpace

EnasSpaceConfig = EnasMacroSpaceConfig | EnasMicroSpaceConfig | EnasRnnSpaceConfig

START_S = 1_750_000_000.0
IMAGES = DataSummary("abc", "Ten kinds of dots, 20 training images", "image")
WORDS = DataSummary("abc", "Some text, 9,000 words for training", "word")


def chain(text: str) -> Architecture:
    """Return a network of the default space, spelt out in the way of `CnnPlan`."""
    tokens = CnnSpace(CnnSpaceConfig()).encode(Architecture("cnn", (), text))
    return Architecture("cnn", tokens, text)


SMALLEST = chain("conv 3x3x24/1x1 <- image")


def row(
    number: int,
    score: float | None = 0.5,
    *,
    status: Status = "ok",
    reward: float | None = None,
    parameters: int | None = 1000,
    architecture: Architecture = SMALLEST,
    per_round: int = 4,
    message: str = "",
) -> ChildRow:
    """Return the child of this number; its reward is its score unless another is given."""
    failed = status != "ok"
    return ChildRow(
        id=str(ChildId(0, number // per_round, number % per_round)),
        architecture=architecture,
        status=status,
        reward=reward if reward is not None else 0.0 if failed else score or 0.0,
        score=None if failed else score,
        num_parameters=parameters,
        num_multiply_adds=None if failed else 100_000,
        seconds=2.0,
        message=message,
    )


def random_architecture(rng: random.Random, num_layers: int) -> Architecture:
    """Return a network whose layers take three in ten of those before them."""
    space = CnnSpace(CnnSpaceConfig(depth=DepthConfig(start=num_layers, max=max(20, num_layers))))
    tokens: list[int] = []
    for decision in space.decisions(num_layers):
        if isinstance(decision, Choice):
            tokens.append(rng.randrange(decision.num_options))
        else:
            tokens.extend(rng.random() < 0.3 for _ in range(decision.num_tokens))
    return space.decode([int(token) for token in tokens])


def search_view(
    num_children: int = 60,
    *,
    name: str = "digits",
    seed: int = 0,
    num_layers: int = 6,
    grows: bool = False,
    controller: str = "reinforce",
    finished: bool = True,
    max_children: int | None = None,
) -> SearchView:
    """Return a search in which every twentieth child fails, in turn in each possible way."""
    rng = random.Random(f"{seed} {controller}")
    skill = 0.0 if controller == "random" else 1.0
    rows = []
    for number in range(num_children):
        progress = number / num_children
        layers = num_layers + 2 * int(3 * progress) if grows else num_layers
        score = min(0.995, 0.88 + 0.05 * skill * progress + rng.gauss(0, 0.02))
        status = _status(number)
        rows.append(
            ChildRow(
                id=str(ChildId(0, number // 4, number % 4)),
                architecture=random_architecture(rng, layers),
                status=status,
                reward=score**3 if status == "ok" else 0.0,
                score=score if status == "ok" else None,
                num_parameters=rng.randrange(20_000, 900_000),
                num_multiply_adds=rng.randrange(2_000_000, 60_000_000),
                seconds=rng.uniform(2, 9),
                message=_MESSAGES[status],
            )
        )
    return SearchView(
        uri=f"runs/{name}",
        config=SearchConfig(
            name=name,
            seed=seed,
            controller=RandomConfig() if controller == "random" else ReinforceConfig(),
            children=ImageChildrenConfig(epochs=8),
            search=RoundsConfig(max_children=max_children or num_children, children_per_round=4),
        ),
        rows=tuple(rows),
        learned=tuple(_learned(rows, learns=controller != "random")),
        num_children=max_children or num_children,
        data=IMAGES,
        about_scores=ABOUT_ACCURACY,
        finished=finished,
    )


def update(
    replica: int,
    number: int,
    *,
    staleness: Sequence[int] = (0, 0),
    reward: float | None = 0.5,
    conflicts: int = 0,
) -> Learned:
    """Return an update that was made `number` minutes after the search began."""
    return Learned(
        replica=replica,
        round=number,
        run="run",
        versions=(1, 1),
        staleness=tuple(staleness),
        metrics={} if reward is None else {"mean_reward": reward},
        created_s=60.0 * number,
        conflicts=conflicts,
    )


def replicas_view(
    *updates: Learned,
    replicas: int = 2,
    open_rounds: Mapping[int, int] | None = None,
    holders: Mapping[int, str] | None = None,
) -> SearchView:
    """Return a search of replicas, ten minutes after it began, with all their children."""
    search = RoundsConfig(max_children=40 * replicas, children_per_round=4, replicas=replicas)
    rounds = {(each.replica, each.round): 4 for each in updates}
    num_learned = Counter(each.replica for each in updates)
    for replica, left in (open_rounds or {}).items():
        rounds[replica, num_learned[replica]] = 4 - left
    rows = (
        replace(row(0), id=str(ChildId(replica, number, index)))
        for (replica, number), num_done in rounds.items()
        for index in range(num_done)
    )
    return SearchView(
        "runs/x",
        SearchConfig(name="x", search=search),
        rows=tuple(rows),
        learned=updates,
        open_rounds=open_rounds or {},
        holders=holders or {},
        seen_s=600.0,
    )


def shared_view(
    num_epochs: int = 12,
    *,
    name: str = "shared",
    seed: int = 0,
    space: EnasSpaceConfig | None = None,
    controller: str = "enas",
    derived: bool = True,
    num_trained: int | None = None,
    keep: int = 3,
    probes: int = 9,
    batch_norm: Literal["refit", "batch", "running"] = "refit",
) -> SearchView:
    """Return a search by shared weights; refitted scores rank well, running averages badly.

    Of the default twelve epochs all are done, unless `derived` is false: then one is left.
    """
    rng = random.Random(f"{seed} {controller}")
    is_text = isinstance(space, EnasRnnSpaceConfig)
    num_all = num_epochs + (not derived)
    weights = TextWeightsConfig(epochs=num_all) if is_text else ImageWeightsConfig(epochs=num_all)
    config = SearchConfig(
        name=name,
        seed=seed,
        task=TextTaskConfig() if is_text else ImageTaskConfig(),
        space=space or EnasMacroSpaceConfig(layers=6),
        controller=_shared_controller(controller),
        search=SharedConfig(
            weights=weights,
            batch_norm=batch_norm,
            derive=DeriveConfig(num_samples=20, keep=keep, probes=probes),
        ),
    )
    qualities = sorted((rng.random() for _ in range(20)), reverse=True)
    judged = [
        SharedScore(
            _shared_architecture(config, rng),
            _shared_score(quality, is_text=is_text),
            None
            if is_text or batch_norm == "running"
            else _shared_score(rng.random() / 4, is_text=is_text),
        )
        for quality in [*qualities[:keep], *(rng.random() for _ in range(probes))]
    ]
    found = Derived(
        run="run-1",
        kept=tuple(judged[:keep]),
        probes=tuple(judged[keep:]),
        scores=tuple(_shared_score(each, is_text=is_text) for each in rng.sample(qualities, 20)),
        seconds=12.5,
        created_s=START_S + 1000,
    )
    rows = [_trained(index, each, rng, is_text=is_text) for index, each in enumerate(judged)][
        :num_trained
    ]
    return SearchView(
        uri=f"runs/{name}",
        config=config,
        measure=PERPLEXITY if is_text else ACCURACY,
        rows=tuple(rows) if derived else (),
        open_rounds={0: len(judged) - len(rows)} if len(rows) < len(judged) else {},
        shared_epochs=tuple(_shared_epoch(number, config, rng) for number in range(num_epochs)),
        derived=found if derived else None,
        num_children=keep + probes,
        finished=derived and len(rows) == len(judged),
        data=WORDS if is_text else IMAGES,
        about_scores=ABOUT_PERPLEXITY if is_text else ABOUT_ACCURACY,
    )


def final_view(
    *networks: Sequence[float],
    test: Sequence[Sequence[float]] = (),
    retrained: float | None = None,
    names: Sequence[str] = (),
    grid: Mapping[str, list[float]] | None = None,
    space: SpaceConfig | None = None,
    measure: Measure = ACCURACY,
    done: bool = True,
    uri: str = "runs/digits/final/0badcafe",
    num_epochs: int = 4,
) -> SearchView:
    """Return a final training of small networks with these validation scores, a seed each.

    Args:
        networks: Of each network at each point of the grid, its scores.
        test: The same on 100 test images; empty for those that are not read.
        retrained: The test score of the winner that is trained once more; None where none is.
        names: What the networks were called before.
        grid: Of settings of children.
        space: Another than the usual one.
        measure: What scores are.
        done: Whether it is finished; else the last network is not trained.
        uri: Where it lies.
        num_epochs: Of each curve.
    """
    num_points = len(points(dict(grid or {})))
    config = SearchConfig(
        name="digits",
        space=space or CnnSpaceConfig(),
        controller=RandomConfig(),
        search=FinalsConfig(
            networks=tuple(
                f"conv {size}x3x24/1x1 <- image" for size in range(len(networks) // num_points)
            ),
            origins=tuple(names),
            seeds=len(networks[0]),
            grid=dict(grid or {}),
            retrain=retrained is not None,
            children_per_round=1000,
        ),
    )
    known = None if space is None else space.build().decode([0])
    rows = [
        replace(
            row(0, score, parameters=1000 + number, architecture=known or SMALLEST),
            id=str(ChildId(0, 0, number)),
        )
        for number, score in enumerate(score for scores in networks for score in scores)
    ]
    if not done:
        rows = rows[: -len(networks[-1])]
    readings = enumerate(score for scores in test for score in scores)
    again = str(ChildId(0, 1, 0))
    if retrained is not None and done:
        rows.append(replace(row(0, 0.9999), id=again))
    tested = [TestReading(str(ChildId(0, 0, at)), score, 100, START_S) for at, score in readings]
    if retrained is not None and done:
        tested.append(TestReading(again, retrained, 100, START_S))
    return SearchView(
        uri=uri,
        config=config,
        measure=measure,
        rows=tuple(rows),
        test=tuple(tested),
        num_children=sum(map(len, networks)) + (retrained is not None),
        finished=done,
        data=IMAGES,
        retrained="" if retrained is None else again,
        curves={each.id: _curve(each, num_epochs) for each in rows},
        speeds={
            each.id: Speed(each.id, 0.25, 20, "a processor", "onnxruntime", START_S)
            for each in rows
        },
    )


def transfer_view(final: SearchView | None = None, *, finished: bool = True) -> SearchView:
    """Return a transfer of two networks, with the final training of them where one is given."""
    config = SearchConfig(
        name="digits",
        controller=RandomConfig(),
        search=TransferConfig(
            networks=("conv 3x3x24/1x1 <- image", "conv 5x5x24/1x1 <- image"),
            origins=("r000-000001-02",),
            source="runs/small",
        ),
    )
    return SearchView(
        uri="runs/digits",
        config=config,
        finished=finished,
        finals=() if final is None else (final,),
        seen_s=START_S,
    )


def _curve(child: ChildRow, num_epochs: int) -> tuple[EpochMetrics, ...]:
    """Return how a child came to its score: half of it at first."""
    score = child.score or 0.0
    return tuple(
        EpochMetrics(epoch, 1.0, 1.0, score * (0.5 + 0.5 * epoch / num_epochs), 0.1, 1.0)
        for epoch in range(1, num_epochs + 1)
    )


def four_shared() -> list[SearchView]:
    """Return ENAS and random search, each with two seeds."""
    return [
        shared_view(name=f"{kind}-{seed}", controller=kind, seed=seed)
        for kind in ("enas", "random")
        for seed in (0, 1)
    ]


def _shared_controller(kind: str) -> ControllerConfig:
    return RandomConfig() if kind == "random" else ReinforceConfig(policy=EnasPolicyConfig())


def _shared_architecture(config: SearchConfig, rng: random.Random) -> Architecture:
    space = config.space.build()
    tokens = [
        rng.randrange(decision.num_values)
        for decision in space.decisions(1)
        for _ in range(decision.num_tokens)
    ]
    return space.decode(tokens)


def _shared_score(quality: float, *, is_text: bool) -> float:
    return 400 - 200 * quality if is_text else 0.3 + 0.5 * quality


def _trained(index: int, judged: SharedScore, rng: random.Random, *, is_text: bool) -> ChildRow:
    noise = rng.gauss(0, 0.02)
    score = judged.score / 2 * (1 + noise) if is_text else 0.5 + judged.score / 2 + noise
    return ChildRow(
        id=str(ChildId(0, 0, index)),
        architecture=judged.architecture,
        status="ok",
        reward=80 / score if is_text else score,
        score=score,
        num_parameters=rng.randrange(20_000, 900_000),
        num_multiply_adds=rng.randrange(2_000_000, 60_000_000),
        seconds=rng.uniform(20, 90),
    )


def _shared_epoch(number: int, config: SearchConfig, rng: random.Random) -> SharedEpoch:
    learns, is_text = config.controller.kind != "random", config.task.kind == "text"
    progress = number / 12
    score = _shared_score(0.6 * progress + rng.gauss(0, 0.03), is_text=is_text)
    reward = 80 / score if is_text else score
    metrics = {"mean_reward": reward, "baseline": 0.9 * reward, "entropy": 20.0 - 5 * progress}
    return SharedEpoch(
        epoch=number + 1,
        run="run-1",
        train_loss=2.3 - 1.5 * progress,
        learning_rate=0.05 * (1 - progress),
        num_steps=40,
        num_evaluations=100 if learns else 0,
        mean_score=score,
        metrics=metrics if learns else {},
        seconds=30.0 + rng.random(),
        controller_seconds=6.0 + rng.random() if learns else 0.1,
        created_s=START_S + 40.0 * number,
    )


ABOUT_ACCURACY = ("The reward is an accuracy. <Held out.>",)
ABOUT_PERPLEXITY = ("The reward is 80 / perplexity.",)
_MESSAGES: dict[Status, str] = {
    "ok": "",
    "crashed": "3 attempts made no new checkpoint",
    "diverged": "the loss was not finite in epoch 1",
    "out_of_memory": "it needed more than its 1,024 MiB",
    "missing": "no result by the round's deadline",
}


def _status(number: int) -> Status:
    failures: tuple[Status, ...] = ("crashed", "diverged", "out_of_memory", "missing")
    return failures[number // 20 % 4] if number % 20 == 19 else "ok"


def _learned(rows: list[ChildRow], *, learns: bool) -> list[Learned]:
    """Return what the controller made of each round: random search has nothing but its rewards."""
    baseline = rows[0].reward if rows else 0.0
    learned = []
    for number in range(len(rows) // 4):
        rewards = [row.reward for row in rows[4 * number : 4 * number + 4] if row.counts]
        mean = sum(rewards) / len(rewards)
        baseline = 0.9 * baseline + 0.1 * mean
        learning = {"entropy": 8.0 - 3.0 * number / len(rows), "baseline": baseline}
        learned.append(
            Learned(
                replica=0,
                round=number,
                run="run-1",
                versions=(number + 1,),
                staleness=(0,),
                metrics={"mean_reward": mean, **(learning if learns else {"entropy": 8.0})},
                created_s=START_S + 10.0 * number,
            )
        )
    return learned
