"""What other programs ask: NVIDIA's own client of the protocol, and requests that none would send.

Letters: N images, H x W pixels, C channels.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from served import ask, ask_json, served
from toy_models import COLOUR_INPUTS, WORDS, colour_logits, colour_model, probabilities, word_model
from tritonclient import http
from tritonclient.utils import InferenceServerException

from nas_lib import __version__

IMAGES_NHWC = np.random.default_rng(0).integers(0, 256, (3, 5, 7, 3), np.uint8)


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    place = tmp_path_factory.mktemp("colours")
    colour_model(place)
    with served(place) as found:
        yield found


@pytest.fixture
def client(url: str) -> Iterator[http.InferenceServerClient]:
    with client_of(url) as found:
        yield found


def client_of(url: str) -> http.InferenceServerClient:
    return http.InferenceServerClient(url.removeprefix("http://"))


def tensor(name: str, numbers: np.ndarray, datatype: str, *, is_binary: bool = True) -> Any:
    found = http.InferInput(name, numbers.shape, datatype)
    found.set_data_from_numpy(numbers, binary_data=is_binary)
    return found


def images(numbers: np.ndarray = IMAGES_NHWC, *, is_binary: bool = True) -> list[Any]:
    return [tensor("images", numbers, "UINT8", is_binary=is_binary)]


# --- what is there -------------------------------------------------------------------------------


def test_server_and_model_are_ready_and_say_what_they_are(
    client: http.InferenceServerClient,
) -> None:
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("colours")
    assert client.is_model_ready("colours", "1")
    assert client.get_server_metadata() == {
        "name": "kfp-nas",
        "version": __version__,
        "extensions": ["binary_tensor_data"],
    }
    of_colours = [
        {"name": name, "datatype": "FP32", "shape": [-1, 3]} for name in ("logits", "probabilities")
    ]
    assert client.get_model_metadata("colours", "1") == {
        "name": "colours",
        "versions": ["1"],
        "platform": "onnx_onnxv1",
        "inputs": [{"name": "images", "datatype": "UINT8", "shape": [-1, -1, -1, 3]}],
        "outputs": of_colours,
    }


def test_another_model_or_version_is_not_there(client: http.InferenceServerClient) -> None:
    assert not client.is_model_ready("digits")
    assert not client.is_model_ready("colours", "2")
    with pytest.raises(InferenceServerException, match=r"no model digits in version 1 .* colours"):
        client.infer("digits", images())


def test_what_is_nowhere_is_said_in_json(url: str) -> None:
    assert ask_json(f"{url}/v2/nothing") == (404, {"error": "GET /v2/nothing: Not Found"})
    assert ask_json(f"{url}/v2", {}) == (405, {"error": "POST /v2: Method Not Allowed"})


# --- asked by a client ---------------------------------------------------------------------------


def test_a_client_that_says_nothing_gets_all_outputs_as_bytes(
    client: http.InferenceServerClient,
) -> None:
    result = client.infer("colours", images(), request_id="42", priority=3, timeout=5)

    answer = result.get_response()
    assert (answer["id"], answer["model_name"], answer["model_version"]) == ("42", "colours", "1")
    sizes = [each["parameters"]["binary_data_size"] for each in answer["outputs"]]
    assert sizes == [36, 36]  # 3 images x 3 classes x 4 bytes
    logits = colour_logits(IMAGES_NHWC)
    np.testing.assert_allclose(result.as_numpy("logits"), logits, rtol=1e-5)
    np.testing.assert_allclose(result.as_numpy("probabilities"), probabilities(logits), rtol=1e-5)


@pytest.mark.parametrize("is_input_binary", [True, False])
@pytest.mark.parametrize("is_output_binary", [True, False])
def test_json_and_bytes_say_the_same(
    client: http.InferenceServerClient, is_input_binary: bool, is_output_binary: bool
) -> None:
    outputs = [http.InferRequestedOutput("logits", binary_data=is_output_binary)]

    result = client.infer("colours", images(is_binary=is_input_binary), "1", outputs=outputs)

    assert [each["name"] for each in result.get_response()["outputs"]] == ["logits"]
    assert "data" not in result.get_output("logits") or not is_output_binary
    expected = client.infer("colours", images()).as_numpy("logits")
    np.testing.assert_array_equal(result.as_numpy("logits"), expected)


def test_of_several_outputs_each_comes_as_it_was_asked_for(
    client: http.InferenceServerClient,
) -> None:
    asked = [
        http.InferRequestedOutput("probabilities", binary_data=True),
        http.InferRequestedOutput("logits", binary_data=False),
    ]

    result = client.infer("colours", images(), outputs=asked)

    first, second = result.get_response()["outputs"]
    assert (first["name"], first["parameters"]) == ("probabilities", {"binary_data_size": 36})
    assert (second["name"], len(second["data"])) == ("logits", 9)
    logits = colour_logits(IMAGES_NHWC)
    np.testing.assert_allclose(result.as_numpy("probabilities"), probabilities(logits), rtol=1e-5)
    np.testing.assert_allclose(result.as_numpy("logits"), logits, rtol=1e-5)


@pytest.mark.parametrize("packing", ["gzip", "deflate"])
def test_a_request_may_be_packed(client: http.InferenceServerClient, packing: str) -> None:
    result = client.infer(
        "colours",
        images(),
        request_compression_algorithm=packing,
        response_compression_algorithm=packing,
    )

    np.testing.assert_allclose(result.as_numpy("logits"), colour_logits(IMAGES_NHWC), rtol=1e-5)


def test_more_images_than_go_through_the_network_at_once_keep_their_order(
    client: http.InferenceServerClient,
) -> None:
    many_NHWC = np.random.default_rng(1).integers(0, 256, (150, 2, 2, 3), np.uint8)

    found = client.infer("colours", images(many_NHWC)).as_numpy("logits")

    np.testing.assert_allclose(found, colour_logits(many_NHWC), rtol=1e-5)


def test_several_clients_at_once_get_each_their_own(url: str) -> None:
    batches = [np.full((1, 4, 4, 3), 10 * number, np.uint8) for number in range(12)]

    def logits(images_NHWC: np.ndarray) -> np.ndarray:
        with client_of(url) as client:
            return client.infer("colours", images(images_NHWC)).as_numpy("logits")

    with ThreadPoolExecutor(6) as threads:
        found = list(threads.map(logits, batches))

    np.testing.assert_allclose(
        np.concatenate(found), colour_logits(np.concatenate(batches)), rtol=1e-5
    )


def test_a_model_of_floats_takes_floats(tmp_path: Path) -> None:
    colour_model(tmp_path, inputs=replace(COLOUR_INPUTS, dtype="float32"))
    images_NHWC = IMAGES_NHWC.astype(np.float32)

    with served(tmp_path) as url, client_of(url) as client:
        result = client.infer("colours", [tensor("images", images_NHWC, "FP32", is_binary=False)])

    np.testing.assert_allclose(result.as_numpy("logits"), colour_logits(images_NHWC), rtol=1e-5)


@pytest.fixture(scope="module")
def words_place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("words")
    word_model(place)
    return place


@pytest.fixture(scope="module")
def words_url(words_place: Path) -> Iterator[str]:
    with served(words_place) as found:
        yield found


def test_a_text_goes_through_in_pieces_its_state_with_it(words_url: str) -> None:
    words_TB = np.array([[2, 3, 4, 1, 2, 2], [3, 3, 2, 1, 4, 0]]).T

    with client_of(words_url) as client:

        def asked(words_TB: np.ndarray, state_BS: np.ndarray, *, is_binary: bool) -> Any:
            return client.infer(
                "words",
                [
                    tensor("state", state_BS, "FP32", is_binary=is_binary),
                    tensor("words", words_TB, "INT64", is_binary=is_binary),
                ],
            )

        zero_BS = np.zeros((2, 3), np.float32)
        whole = asked(words_TB, zero_BS, is_binary=True).as_numpy("logits")
        first = asked(words_TB[:4], zero_BS, is_binary=False)
        rest = asked(words_TB[4:], first.as_numpy("next_state"), is_binary=True)

    pieces = [each.as_numpy("logits") for each in (first, rest)]
    np.testing.assert_allclose(np.concatenate(pieces), whole, rtol=1e-5)
    assert whole.shape == (6, 2, len(WORDS))


def ask_for_words(client: http.InferenceServerClient, words: Any, num_states: int) -> Any:
    words_TB = np.array(words, np.int64)
    state = tensor("state", np.zeros((num_states, 3), np.float32), "FP32")
    return client.infer("words", [state, tensor("words", words_TB, "INT64")])


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([[2, 3], [4, 1]], r"words: expected a state for each of the 2 texts, got 1$"),
        ([[5]], r"words: expected words from 0 to 4, got 5 to 5$"),
        ([[3], [-1]], r"words: expected words from 0 to 4, got -1 to 3$"),
    ],
)
def test_words_that_do_not_go_with_the_state_or_the_vocabulary_are_refused(
    words_url: str, words: Any, told: str
) -> None:
    with client_of(words_url) as client, pytest.raises(InferenceServerException, match=told):
        ask_for_words(client, words, 1)


def test_more_words_than_an_answer_may_have_are_refused(
    words_url: str, words_place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # of a word at most: logits 5, states 3, next_state 3: 11 numbers of 4 bytes are 44
    monkeypatch.setattr("nas_lib.serving.asked.MAX_BYTES", 15 * 44 - 1)

    with served(words_place) as url, client_of(url) as client:
        assert ask_for_words(client, [[2] * 7] * 2, 7).as_numpy("logits").shape == (2, 7, 5)
        with pytest.raises(InferenceServerException, match=r"words: expected at most 14 at once"):
            ask_for_words(client, [[2] * 5] * 3, 5)


# --- asked wrongly -------------------------------------------------------------------------------

GOOD = {"name": "images", "shape": [1, 1, 2, 3], "datatype": "UINT8", "data": [1, 2, 3, 4, 5, 6]}


def wrong(**changes: Any) -> dict[str, Any]:
    return {"inputs": [{**GOOD, **changes}]}


@pytest.mark.parametrize(
    "asked",
    [
        {"inputs": [GOOD]},
        wrong(data=[[[[1, 2, 3], [4, 5, 6]]]]),
        {"inputs": [GOOD], "outputs": [], "parameters": {"ours": 1}, "other": None},
        wrong(parameters={"ours": True}),
    ],
)
def test_what_is_asked_by_hand_is_answered_in_json(url: str, asked: dict[str, Any]) -> None:
    status, answer = ask_json(f"{url}/v2/models/colours/infer", asked)

    assert status == 200, answer
    assert "id" not in answer
    assert [each["name"] for each in answer["outputs"]] == ["logits", "probabilities"]
    expected = colour_logits(np.arange(1, 7, dtype=np.uint8).reshape(1, 1, 2, 3))
    np.testing.assert_allclose(answer["outputs"][0]["data"], expected[0], rtol=1e-5)


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({}, r"no inference request: inputs: Field required"),
        ([], r"no inference request: "),
        ({"inputs": []}, r"colours takes images, each once, got none"),
        ({"inputs": [GOOD, GOOD]}, r"each once, got images, images"),
        (wrong(name="image"), r"takes images, each once, got image$"),
        (wrong(shape=[2, 3]), r"expected UINT8 of shape \[-1, -1, -1, 3\].* of shape \[2, 3\]"),
        (wrong(shape=[1, 2, 3, 1]), r"of shape \[1, 2, 3, 1\]"),
        (wrong(shape=[0, 1, 2, 3], data=[]), r"any size from 1, got UINT8 of shape \[0, 1, 2, 3\]"),
        (wrong(shape=[1, -1, 2, 3]), r"inputs.0.shape.1: "),
        (wrong(shape=[1, 1, 2.5, 3]), r"inputs.0.shape.2: "),
        (wrong(datatype="FP32"), r"got FP32 of shape"),
        (wrong(datatype="BYTES"), r"got BYTES of shape"),
        (wrong(data=[1, 2, 3]), r"expected an array of 6 numbers that are UINT8"),
        (wrong(data=[1, 2, 3, 4, 5, 256]), r"expected an array of 6 numbers that are UINT8"),
        (wrong(data=[1, 2, 3, 4, 5, 6.5]), r"expected an array of 6 numbers that are UINT8"),
        (wrong(data=[1, 2, 3, 4, 5, "6"]), r"expected an array of 6 numbers that are UINT8"),
        (wrong(data=[[1, 2, 3], [4, 5, 6]]), r"expected an array of 6 numbers that are UINT8"),
        (wrong(data=[[1, 2], [3, 4, 5, 6]]), r"expected an array of 6 numbers that are UINT8"),
        (wrong(data=None), r"expected either data, or a binary_data_size"),
        (wrong(parameters={"binary_data_size": 6}), r"expected either data, or a binary_data_size"),
        (wrong(parameters={"shared_memory_region": "a"}), r"shared_memory_region is not known"),
        (
            {"inputs": [GOOD], "outputs": [{"name": "label"}]},
            r"expected outputs out of logits, probabilities, got label",
        ),
        (
            {
                "inputs": [GOOD],
                "outputs": [{"name": "logits", "parameters": {"classification": 2}}],
            },
            r"logits: classification is not known here",
        ),
    ],
)
def test_what_is_asked_wrongly_is_told_in_a_sentence(url: str, asked: Any, told: str) -> None:
    status, answer = ask_json(f"{url}/v2/models/colours/infer", asked)

    assert (status, list(answer)) == (400, ["error"])
    assert re.search(told, answer["error"])
    assert "\n" not in answer["error"]


def binary(num_bytes: int, size: Any) -> tuple[bytes, int]:
    """Return a request with so many bytes, that says it has another number, and its JSON's size."""
    asked = {**GOOD, "parameters": {"binary_data_size": size}}
    del asked["data"]
    text = json.dumps({"inputs": [asked]}).encode()
    return text + bytes(num_bytes), len(text)


@pytest.mark.parametrize(
    ("num_bytes", "size", "told"),
    [
        (5, 6, "at most the 5 bytes that are left"),
        (7, 6, "the request has 1 bytes more than its inputs say"),
        (5, 5, r"expected 6 bytes for UINT8 of shape \[1, 1, 2, 3\], got 5"),
        (6, True, "expected either data"),
        (6, -6, "expected either data"),
    ],
)
def test_bytes_that_are_not_the_tensor_are_refused(
    url: str, num_bytes: int, size: Any, told: str
) -> None:
    body, json_size = binary(num_bytes, size)

    status, _, content = ask(
        f"{url}/v2/models/colours/infer",
        body,
        {"Inference-Header-Content-Length": str(json_size)},
    )

    assert status == 400
    assert re.search(told, json.loads(content)["error"])


@pytest.mark.parametrize(
    ("headers", "body", "status", "told"),
    [
        ({"Inference-Header-Content-Length": "many"}, b"{}", 400, "expected a number of bytes"),
        ({"Inference-Header-Content-Length": "-1"}, b"{}", 400, "expected a number of bytes"),
        ({"Inference-Header-Content-Length": "0"}, b"12", 400, "expected a request in JSON"),
        ({"Content-Encoding": "gzip"}, b"{}", 400, "is not packed by gzip"),
        ({"Content-Encoding": "gzip"}, gzip.compress(b"{}", mtime=0)[:-4], 400, "ends too early"),
        (
            {"Content-Encoding": "gzip"},
            gzip.compress(bytes(2**26 + 1), mtime=0),
            413,
            "at most 64 MiB",
        ),
        ({"Content-Encoding": "br"}, b"{}", 415, "gzip or deflate, got br"),
        ({}, b"\xff", 400, "no inference request"),
        ({}, b"[" * 100_000, 400, "no inference request"),
    ],
)
def test_what_is_no_request_at_all_is_refused(
    url: str, headers: dict[str, str], body: bytes, status: int, told: str
) -> None:
    found, _, content = ask(f"{url}/v2/models/colours/infer", body, headers)

    assert (found, list(json.loads(content))) == (status, ["error"])
    assert told in json.loads(content)["error"]
