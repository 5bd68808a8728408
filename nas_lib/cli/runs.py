"""`nas runs`, `nas logs` and `nas cancel`: what became of a search on Kubeflow."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from nas_lib.cli.configuring import print_json
from nas_lib.cli.submitting import connect, kubeflow_options
from nas_lib.errors import ClusterError, one_line

if TYPE_CHECKING:
    from nas_lib.cluster.kubeflow_runs import Run, Schedule

STANDALONE_NAMESPACE = "kubeflow"
"""Where pods run if there are no profiles."""


@click.command()
@click.argument("search", metavar="[SEARCH]", required=False)
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    default=20,
    show_default=True,
    help="Show so many runs, the newest first.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@kubeflow_options
def runs(
    search: str | None,
    limit: int,
    as_json: bool,
    host: str | None,
    namespace: str,
    token: str | None,
) -> None:
    """List the runs and schedules of a SEARCH on Kubeflow, or of all searches."""
    kubeflow = connect(host, namespace, token)
    schedules, found = kubeflow.schedules(search), kubeflow.runs(search, limit=limit)
    if as_json:
        print_json({"runs": list(map(_plain, found)), "schedules": list(map(asdict, schedules))})
        return
    rows = [("schedule", s.id, s.name, s.state, s.timing, _where(s)) for s in schedules]
    rows += [("run", r.id, r.name, r.state, _when(r), _where(r)) for r in found]
    if not rows:
        click.echo("no runs and no schedules" + (f" of {search}" if search else ""))
        return
    lines = [list(map(one_line, row)) for row in rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for row in lines:
        cells = (f"{cell:{width}}" for cell, width in zip(row, widths, strict=True))
        click.echo("  ".join(cells).rstrip())


@click.command()
@click.argument("run")
@click.option(
    "--task", help="Only of this task, such as train-child, of this child or of this round."
)
@click.option(
    "--all", "everything", is_flag=True, help="What Kubeflow's drivers and launcher say, too."
)
@kubeflow_options
def logs(
    run: str,
    task: str | None,
    everything: bool,
    host: str | None,
    namespace: str,
    token: str | None,
) -> None:
    """Print the logs of a RUN's pods (its id; see `nas runs`), read from Kubernetes."""
    found = connect(host, namespace, token).run(run)

    from nas_lib.cluster.pod_logs import pod_logs

    place = namespace or STANDALONE_NAMESPACE
    for log in pod_logs(found.id, namespace=place, task=task, everything=everything):
        what = f"{log.task} {log.about}".rstrip()
        click.echo(one_line(f"== {what} ({log.pod}, {log.phase})"))
        text = "\n".join(log.text.splitlines())  # a progress bar's returns begin lines too
        click.echo(text)


@click.command()
@click.argument("run", metavar="RUN|SCHEDULE")
@kubeflow_options
def cancel(run: str, host: str | None, namespace: str, token: str | None) -> None:
    """End a run and the Jobs that it made, or delete a schedule (their ids; see `nas runs`).

    What is finished stays in the store. A run that a schedule has begun is ended by itself.
    """
    from nas_lib.cluster.kubeflow_runs import Run

    kubeflow = connect(host, namespace, token)
    ended = kubeflow.cancel(run)
    if isinstance(ended, Run):
        click.echo(f"the run {ended.name} is being ended")
        rivals = kubeflow.rivals(ended)
        _delete_jobs(
            ended,
            namespace or STANDALONE_NAMESPACE,
            of_replica=rivals is not None and all(each.replica != ended.replica for each in rivals),
            of_search=rivals is not None and not rivals,
        )
    else:
        click.echo(f"the schedule {ended.name} ({ended.timing}) is deleted")


def _delete_jobs(run: Run, namespace: str, *, of_replica: bool, of_search: bool) -> None:
    """Delete what Kubeflow does not know of; where there is no way to it, say how.

    These are the Jobs of its replica and of the search's final training, those too that an earlier
    run made and this one waits for; but only its own where another run may wait for them.
    """
    from nas_lib.cluster.child_job import final_labels, replica_labels, run_labels
    from nas_lib.cluster.jobs import delete_jobs

    labels = [run_labels(run.id)]
    if of_replica:
        labels.append(replica_labels(run.search_uri or "", run.replica))
    if of_search:
        labels.append(final_labels(run.search_uri or ""))
    try:
        num_deleted = delete_jobs(*labels, namespace=namespace)
    except ClusterError as err:
        click.echo(
            f"if it has Jobs for children, they go on until these are done ({err}); to end them: "
            f"kubectl delete jobs -n {namespace} -l kfp-nas/run={run.id}"
        )
    else:
        if num_deleted:
            click.echo(f"its {num_deleted} Jobs for children are deleted")


def _plain(run: Run) -> dict[str, object]:
    return {**asdict(run), "created": run.created.isoformat() if run.created else None}


def _where(each: Run | Schedule) -> str:
    """Return search and replica: in the UI a run may be called anything."""
    return f"{each.search_uri} r{each.replica}"


def _when(run: Run) -> str:
    return f"{run.created:%Y-%m-%d %H:%M}" if run.created else ""
