"""All commands of `nas`."""

from __future__ import annotations

from typing import Any

import click

from nas_lib import __version__
from nas_lib.cli.addresses import WITH_TORCH_MB, require_addresses
from nas_lib.cli.checking_data import data
from nas_lib.cli.comparing import compare
from nas_lib.cli.configuring import check, init, presets
from nas_lib.cli.exporting import export
from nas_lib.cli.kubeflow import compile_pipeline, prepare, train_child
from nas_lib.cli.predicting import predict
from nas_lib.cli.refreshing import refresh
from nas_lib.cli.results import report, top
from nas_lib.cli.runs import cancel, logs, runs
from nas_lib.cli.searching import search
from nas_lib.cli.serving import serve
from nas_lib.cli.stores import gc, store
from nas_lib.cli.submitting import schedule, submit
from nas_lib.cli.training import train
from nas_lib.cli.transferring import transfer
from nas_lib.cli.watching import watch

__all__ = ["cli", "run"]

_WITH_TORCH = (
    "search",
    "train",
    "transfer",
    "refresh",
    "export",
    "check",
    "data",
    "prepare",
    "train-child",
)
_WITH_MODEL = ("predict", "serve")
_ADDRESSES_MB = dict.fromkeys(_WITH_TORCH, WITH_TORCH_MB) | dict.fromkeys(_WITH_MODEL, 640)
_AT_LEAST_MB = 192


class _Raised(Exception):  # noqa: N818
    """Carries past click what it has ideas of its own about."""

    def __init__(self, error: BaseException) -> None:
        self.error = error


class _Commands(click.Group):
    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (KeyboardInterrupt, EOFError, OSError) as err:
            raise _Raised(err) from err


@click.group(
    cls=_Commands,
    context_settings={
        "help_option_names": ["-h", "--help"],
        "color": True,  # our streams show escapes, which click would drop
    },
)
@click.version_option(__version__, prog_name="kfp-nas")
@click.pass_context
def cli(context: click.Context) -> None:
    """Find the neural network that fits your data.

    Start with: nas init digits -o search.yaml && nas search search.yaml

    SEARCH is where a search's state lies: a folder, or s3://bucket/prefix
    (gs:// and az:// likewise).
    """
    require_addresses(_ADDRESSES_MB.get(context.invoked_subcommand or "", _AT_LEAST_MB))


for command in (
    presets,
    init,
    check,
    data,
    search,
    train,
    transfer,
    refresh,
    top,
    report,
    watch,
    compare,
    export,
    predict,
    serve,
    prepare,
    compile_pipeline,
    train_child,
    submit,
    schedule,
    runs,
    logs,
    cancel,
    store,
    gc,
):
    cli.add_command(command)


def run() -> int:
    """Do what the command line says, and return the exit code.

    Raises:
        BaseException: Whatever the command raised.
    """
    try:
        return int(cli.main(prog_name="nas", standalone_mode=False) or 0)
    except click.ClickException as err:
        err.show()
        return err.exit_code
    except click.Abort as err:  # Ctrl-C before the command began
        raise KeyboardInterrupt from err
    except _Raised as err:
        raise err.error from None
