"""What is in the image, and that it runs as whoever it has to."""

from __future__ import annotations

import json

import pytest
from container_image import Image

from nas_lib import __version__

pytestmark = [pytest.mark.container, pytest.mark.timeout(1800)]  # it may have to be built

SEARCH = (
    "nas search digits --json --workers 1 --store /tmp/state --set task.max_train=200 "
    "--set children.epochs=1 --set search.max_children=2 --set search.children_per_round=2"
)

USE = """
import json, subprocess, urllib.request
import numpy as np
from sklearn.datasets import load_digits
np.save("/tmp/two.npy", load_digits().images[:2, :, :, None].astype("float32"))
predict = ["nas", "predict", "/tmp/model", "/tmp/two.npy", "--json"]
predicted = subprocess.run(predict, stdout=subprocess.PIPE, check=True).stdout.splitlines()
serve = ["nas", "serve", "/tmp/model", "--port", "0"]
server = subprocess.Popen(serve, stdout=subprocess.PIPE, text=True)
url = server.stdout.readline().split(" at ")[1].split(";")[0]
ready = urllib.request.urlopen(url + "/v2/health/ready").status
server.kill()
print(json.dumps([len(predicted), ready]))
"""


def test_its_version_is_the_librarys(image: Image) -> None:
    said = image.run("nas --version").stdout.split()[-1]

    assert said == image.labels()["org.opencontainers.image.version"] == __version__


def test_it_has_all_it_needs_and_nothing_to_build_with(image: Image) -> None:
    packages = image.run("/usr/local/bin/python3 -m pip --python /opt/nas/bin/python3 check")
    tools = image.run("for tool in gcc cc g++ ld make git; do command -v $tool; done")
    left = image.run("find / -xdev -name 'torch-*.whl' -o -xdev -path '*/.cache/pip'", user="0")

    assert packages.stdout == "No broken requirements found.\n"
    assert tools.stdout == ""
    assert left.stdout == ""


def test_it_runs_as_nobody_special(image: Image) -> None:
    assert image.run("id -u; touch ~/here && echo writable").stdout == "1000\nwritable\n"


@pytest.mark.parametrize("user", ["1000", "12345:0", "12345:12345"])
def test_any_user_can_search_where_only_tmp_can_be_written(image: Image, user: str) -> None:
    ran = image.run(SEARCH, user=user, read_only=True, tmpfs={"/tmp": ""})

    assert ran.exit_code == 0, ran.stderr
    assert json.loads(ran.stdout)["search"]["counts"] == {"ok": 2}


def test_what_was_found_is_exported_read_and_served_where_only_tmp_can_be_written(
    image: Image,
) -> None:
    export = "nas export /tmp/state -o /tmp/model"

    ran = image.run(
        f"({SEARCH} && {export}) >&2 && python3 -c '{USE}'",
        user="12345:12345",
        read_only=True,
        tmpfs={"/tmp": ""},
    )

    assert ran.exit_code == 0, ran.stderr
    assert json.loads(ran.stdout) == [2, 200]
