"""The `nas` command."""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType

import click

from nas_lib import __version__
from nas_lib.cli.configuring import check, init, presets
from nas_lib.cli.kubeflow import compile_pipeline, prepare, train_child
from nas_lib.cli.results import compare, report, top
from nas_lib.cli.runs import cancel, logs, runs
from nas_lib.cli.searching import search
from nas_lib.cli.stores import gc, store
from nas_lib.cli.submitting import schedule, submit
from nas_lib.errors import NasError

__all__ = ["main"]


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="kfp-nas")
def cli() -> None:
    """Find the neural network that fits your data.

    Start with: nas init digits -o search.yaml && nas search search.yaml

    SEARCH is where a search's state lies: a folder, or s3://bucket/prefix
    (gs:// and az:// likewise).
    """


for command in (
    presets,
    init,
    check,
    search,
    top,
    report,
    compare,
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


def main() -> None:
    """Run the command; errors are one sentence and an exit code, never a traceback."""
    sys.path.insert(0, os.getcwd())  # for `module:name` objects of the user's own
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        cli.main(prog_name="nas", standalone_mode=False)
    except click.ClickException as err:
        err.show()
        sys.exit(err.exit_code)
    except NasError as err:
        _fail(str(err), err.exit_code)
    except (KeyboardInterrupt, click.Abort):
        _fail("stopped", 130)
    except BrokenPipeError:  # the reader of our output has left, as `| head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except Exception as err:
        if "NAS_DEBUG" in os.environ:
            raise
        _fail(f"internal error: {type(err).__name__}: {err} (NAS_DEBUG=1 shows where)", 1)


def _fail(message: str, code: int) -> None:
    click.echo(f"nas: {message}", err=True)
    sys.exit(code)


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
