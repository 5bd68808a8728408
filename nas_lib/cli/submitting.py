"""`nas submit` and `nas schedule`: a search on Kubeflow."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import click

from nas_lib.cli.configuring import (
    load,
    load_stored,
    load_transfer,
    print_json,
    set_option,
    transfer_option,
)
from nas_lib.cli.kubeflow import data_claim_option
from nas_lib.errors import ConfigError, MissingExtraError

if TYPE_CHECKING:
    from nas_lib.cluster.kubeflow import Kubeflow
    from nas_lib.cluster.kubeflow_runs import Run, Schedule
    from nas_lib.cluster.schedules import Timing
    from nas_lib.cluster.submission import Submission

Command = TypeVar("Command", bound=Callable[..., Any])

_KUBEFLOW_OPTIONS = (
    click.option(
        "--host",
        envvar="KF_PIPELINES_ENDPOINT",
        show_envvar=True,
        help="Address of Kubeflow Pipelines; in a cluster, by default the one there.",
    ),
    click.option("-n", "--namespace", default="", help="Your profile's, where there are profiles."),
    click.option(
        "--token",
        envvar="NAS_KUBEFLOW_TOKEN",
        show_envvar=True,
        help="To be known by; in a cluster, by default the pod's own.",
    ),
)
_SUBMIT_OPTIONS = (
    click.argument("config", metavar="[CONFIG]", required=False),
    click.option("--store", required=True, help="Where the search lies, such as s3://nas/digits."),
    click.option("--experiment", help="To show the runs in; by default the search's name."),
    click.option(
        "--rounds-per-run",
        "per_run",
        type=click.IntRange(min=1),
        help="Rounds that each run does, by default 5; with shared weights stretches of their "
        "training, by default 10.",
    ),
    click.option("--image", help="The image that all tasks run in; by default NAS_IMAGE."),
    data_claim_option,
    click.option("--service-account", help="Of the pods; by default Kubeflow's own."),
    click.option("--store-secret", help="Secret with the store's keys, if not nas-store."),
    click.option("--store-settings", help="ConfigMap with the store's address, if not nas-store."),
    click.option("--json", "as_json", is_flag=True, help="Print JSON."),
    transfer_option,
    set_option,
)


def kubeflow_options(command: Command) -> Command:
    """Add the options that say which Kubeflow, and as whom."""
    return _with(command, _KUBEFLOW_OPTIONS)


def connect(host: str | None, namespace: str, token: str | None) -> Kubeflow:
    """Return Kubeflow there; nothing is asked yet."""
    try:
        from nas_lib.cluster.kubeflow import Kubeflow
        from nas_lib.cluster.kubeflow_api import KubeflowApi
    except ModuleNotFoundError as err:
        raise MissingExtraError("this needs Kubeflow Pipelines' SDK", "kubeflow", err) from err
    return Kubeflow(KubeflowApi(host, namespace=namespace, token=token))


def _with(command: Command, options: tuple[Callable[[Command], Command], ...]) -> Command:
    for option in reversed(options):
        command = option(command)
    return command


def _submit_options(command: Command) -> Command:
    return _with(command, (*_SUBMIT_OPTIONS, *_KUBEFLOW_OPTIONS))


@click.command()
@_submit_options
def submit(
    host: str | None,
    namespace: str,
    token: str | None,
    experiment: str | None,
    image: str | None,
    service_account: str | None,
    as_json: bool,
    **settings: Any,
) -> None:
    """Run the search of a CONFIG on Kubeflow, or go on with the one in --store.

    Each replica is a run of its own. A run does some rounds, or with shared weights some stretches
    of their training; submit again for more.
    """
    kubeflow = connect(host, namespace, token)
    _make_for_each_replica(
        kubeflow,
        _submission(**settings),
        kubeflow.start,
        experiment=experiment,
        image=image,
        service_account=service_account,
        as_json=as_json,
    )


@click.command()
@click.option("--cron", help="When: '0 3 * * 1' is Mondays at 3, in Kubeflow's time zone (UTC).")
@click.option("--every", help="How often: 90m, 6h, 7d; for the first time after as long.")
@click.option("--replace", is_flag=True, help="In place of the search's schedules until now.")
@click.option(
    "--fresh",
    is_flag=True,
    help="Each time a search of its own, STORE/<time>, on the data as they are then.",
)
@_submit_options
def schedule(
    host: str | None,
    namespace: str,
    token: str | None,
    experiment: str | None,
    image: str | None,
    service_account: str | None,
    as_json: bool,
    cron: str | None,
    every: str | None,
    replace: bool,
    **settings: Any,
) -> None:
    """Let a search go on by itself, again and again, until its budget is used.

    Each replica has a schedule of its own, one run of which is at work at a time.

    With --fresh each run is a whole search of CONFIG on the data as they are then, as nas refresh
    does it here. It begins with the best of the one before, and the model in use, STORE/model, is
    replaced where the new one is better on the new data.
    """
    timing = _timing(cron, every)
    kubeflow = connect(host, namespace, token)
    submission = _submission(**settings)
    old = kubeflow.schedules(submission.search_uri)
    if old and not replace:
        raise ConfigError(
            f"{submission.search_uri} has a schedule already ({old[0].name}, {old[0].timing}): "
            "pass --replace to put another in its place"
        )
    _make_for_each_replica(
        kubeflow,
        submission,
        partial(kubeflow.schedule, timing=timing),
        experiment=experiment,
        image=image,
        service_account=service_account,
        as_json=as_json,
    )
    for each in old:  # only now: a schedule too many for a moment is harmless, none is not
        kubeflow.delete_schedule(each)


def _make_for_each_replica(
    kubeflow: Kubeflow,
    submission: Submission,
    make: Callable[..., Run | Schedule],
    *,
    experiment: str | None,
    image: str | None,
    service_account: str | None,
    as_json: bool,
) -> None:
    """Make a run or a schedule for each replica of a search, and print them."""
    version = kubeflow.version(submission.pipeline, image=image)
    experiment_id = kubeflow.experiment(experiment or submission.config.name)
    made = []
    for replica in range(submission.config.search.replicas):
        new = make(
            submission,
            replica,
            version=version,
            experiment=experiment_id,
            service_account=service_account,
        )
        made.append(_shown(kubeflow, new, as_json))
    if as_json:
        print_json(made)


def _submission(
    *,
    config: str | None,
    store: str,
    source: str | None,
    overrides: tuple[str, ...],
    per_run: int | None,
    store_secret: str | None,
    store_settings: str | None,
    fresh: bool = False,
) -> Submission:
    from nas_lib.cluster.submission import (
        check_reachable,
        fresh_submission,
        new_submission,
        next_submission,
    )
    from nas_lib.config_file import parse_override

    check_reachable(store)
    names = {"store_secret": store_secret, "store_settings": store_settings}
    options = {name: value for name, value in names.items() if value is not None}
    if fresh:
        if config is None or source is not None or per_run is not None:
            raise click.UsageError(
                "with --fresh name a CONFIG, and no --transfer or --rounds-per-run: each run is a "
                "whole search"
            )
        return fresh_submission(store, load(config, overrides), options)
    if config is not None:
        return new_submission(
            store, load_transfer(source, config, overrides), options, per_run=per_run
        )
    if source is not None:
        raise click.UsageError("name a CONFIG whose task --transfer is for")
    settings = load_stored(store, overrides)
    changes = dict(map(parse_override, overrides))
    return next_submission(store, settings, changes, options, per_run=per_run)


def _timing(cron: str | None, every: str | None) -> Timing:
    from nas_lib.cluster.schedules import parse_cron, parse_interval

    if cron is not None and every is None:
        return parse_cron(cron)
    if every is not None and cron is None:
        return parse_interval(every)
    raise click.UsageError("say either --cron or --every")


def _shown(kubeflow: Kubeflow, made: Run | Schedule, as_json: bool) -> dict[str, Any]:
    """Print what was made at once, as what comes next may fail, and return it for JSON."""
    url = kubeflow.url(made)
    if not as_json:
        click.echo(f"{made.name}: {url}")
    return {"id": made.id, "name": made.name, "replica": made.replica, "url": url}
