"""What lets anybody in is taken out of texts and exceptions, and nothing else is."""

from __future__ import annotations

import json
import pickle
import time
from base64 import b64encode
from urllib.parse import quote

import pytest
from canaries import all_of

from nas_lib.errors import (
    ClusterError,
    ConfigError,
    NasError,
    ObjectNotFoundError,
    StoreError,
    described,
    one_line,
)
from nas_lib.redaction import redacted, without_secrets

SECRET = "s3cr/t+va=lue"


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("http://me:s3cr@host:9000/b", "http://***@host:9000/b"),
        ("http://me:s3@cr@host", "http://***@host"),
        ("s3://AK:s3/cr@bucket/p", "s3://***@bucket/p"),
        ("https://s3cr@host", "https://***@host"),
        ("Authorization: AWS4 A=b, Signature=s3cr\nHost: h", "Authorization: ***\nHost: h"),
        ("{'Authorization': 'Basic s3cr', 'a': 1}", "{'Authorization': ***, 'a': 1}"),
        (r"{\"access_token\": \"s3cr\"}", r"{\"access_token\": ***}"),
        ("('Set-Cookie', 's=s3cr; Path=/')", "('Set-Cookie', ***)"),
        ("<AWSAccessKeyId>AK</AWSAccessKeyId>", "<AWSAccessKeyId>***</AWSAccessKeyId>"),
        ("?X-Amz-Signature=s3cr&a=1", "?X-Amz-Signature=***&a=1"),
        ("?sv=1&sig=s3cr%2F&se=2", "?sv=1&sig=***&se=2"),
        ("X-Amz-Security-Token: s3cr", "X-Amz-Security-Token: ***"),
        ("AZURE_STORAGE_ACCOUNT_KEY=s3cr", "AZURE_STORAGE_ACCOUNT_KEY=***"),
        ("with Bearer s3cr1234 it", "with Bearer *** it"),
        ("of eyJhbGciOiJub25lIn0.eyJhIjoxfQ.s3cr it", "of *** it"),
        ("of AKIAIOSFODNN7EXAMPLE it", "of *** it"),
        ("a -----BEGIN RSA PRIVATE KEY-----\nx\n-----END RSA PRIVATE KEY----- b", "a *** b"),
        ("a -----BEGIN PRIVATE KEY-----\\ns3cr, cut", "a ***"),
    ],
)
def test_what_looks_like_a_secret_is_taken_out(text: str, clean: str) -> None:
    assert without_secrets(text) == clean


@pytest.mark.parametrize(
    "text",
    [
        "http://host:9000/a@b: no credentials; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
        "s3://bucket/me@example.org/p",
        "it does not know who asks (401); pass a valid --token",
        "children.key: expected a text, got 3; controller.tokens: unknown",
        "token: has expired, Basic settings, Bearer of it",
        '{"id": "r000-000017-03", "architecture": "conv3-max3"}',
    ],
)
def test_what_only_speaks_of_secrets_stays(text: str) -> None:
    assert without_secrets(text) == text


@pytest.mark.parametrize(
    "shape",
    [
        SECRET,
        quote(SECRET, safe=""),
        quote(SECRET, safe="").lower(),
        b64encode(SECRET.encode()).decode(),
        json.dumps(SECRET),
    ],
)
def test_a_secret_of_the_environment_is_found_in_every_shape(
    monkeypatch: pytest.MonkeyPatch, shape: str
) -> None:
    monkeypatch.setenv("SOME_API_TOKEN", SECRET)
    assert without_secrets(f"it was {shape} that came") in (
        "it was *** that came",
        'it was "***" that came',
        "it was ***= that came",
        "it was ***== that came",
    )


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("AWS_ENDPOINT_URL", "http://me:s3cr%2Ft@h:1", "s3cr%2Ft"),
        ("AWS_ENDPOINT_URL", "http://me:s3cr%2Ft@h:1", "s3cr/t"),
        ("AWS_ENDPOINT_URL", "http://me:s3cr%2Ft@h:1", b64encode(b"me:s3cr/t").decode()),
        ("AWS_ENDPOINT_URL", "http://me:s3c/rt@h:1", "s3c/rt"),
        ("HTTPS_PROXY", "http://me:s3cr@h:1", "s3cr"),
        ("AWS_SECRET_ACCESS_KEY", "short", "short"),
        ("AWS_ACCESS_KEY_ID", "AK-of-mine", "AK-of-mine"),
        ("GOOGLE_SERVICE_ACCOUNT_KEY", '{"private_key": "P\\nMIIEvQIBADAN\\nQ"}', "MIIEvQIBADAN"),
        ("GOOGLE_SERVICE_ACCOUNT_KEY", '{"private_key_id": "abc123", "a": 1}', "abc123"),
        ("AZURE_STORAGE_SAS_KEY", "sv=2024&sig=a%2Fb", "sv=2024&sig=a%2Fb"),
    ],
)
def test_what_is_secret_of_a_variable_is_known(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    monkeypatch.setenv(name, value)
    assert without_secrets(f"got [{said}]") == "got [***]"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AWS_SECRET_ACCESS_KEY", "any"),  # too short to tell from a word
        ("AWS_ACCESS_KEY_ID", "minio"),  # not secret by itself, and the name of a host
        ("TOKENIZERS_PARALLELISM", "false"),
        ("AWS_WEB_IDENTITY_TOKEN_FILE", "/var/run/minio"),
        ("AWS_ENDPOINT_URL", "http://minio:9000"),
    ],
)
def test_what_is_no_secret_of_a_variable_stays(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    assert value in without_secrets(f"minio is {value} for any company")


def test_a_short_secret_is_not_taken_out_of_a_word(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_PASSWORD", "cover")
    assert without_secrets("to discover a cover") == "to discover a ***"


@pytest.mark.parametrize("kind", [NasError, ConfigError, ClusterError, StoreError])
def test_an_error_of_ours_holds_no_secret(kind: type[NasError]) -> None:
    err = kind("cannot reach http://me:s3cr@host")
    assert "s3cr" not in all_of(err)
    assert str(err) == "cannot reach http://***@host"


def test_an_error_that_is_sent_to_another_process_stays_what_it_is() -> None:
    err = pickle.loads(pickle.dumps(ObjectNotFoundError("there is no a")))
    assert (type(err), str(err)) == (ObjectNotFoundError, "there is no a")


def test_what_users_code_says_is_without_secrets_also_where_it_is_cut(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MY_TOKEN", "0123456789")
    assert described(RuntimeError("got 0123456789")) == "RuntimeError: got ***"
    assert one_line("got 0123456789 of somebody", max_chars=12) == "got *** o..."


def test_all_that_led_to_an_error_is_cleaned() -> None:
    class AnswerError(Exception):
        def __init__(self, body: bytes, headers: dict[str, str]) -> None:
            super().__init__(3)
            self.body, self.headers = body, headers

        def __str__(self) -> str:
            return f"{self.body!r} {self.headers}"

    def fail() -> None:
        try:
            try:
                raise AnswerError(SECRET.encode(), {"Set-Cookie": SECRET})
            except AnswerError:
                raise ValueError(3, (f"got {SECRET}",))  # noqa: B904
        except ValueError as err:
            raise RuntimeError(f"got {SECRET}") from err

    with pytest.raises(RuntimeError) as caught:
        fail()
    assert SECRET in all_of(caught.value)
    assert redacted(caught.value, SECRET) is caught.value
    assert SECRET not in all_of(caught.value)
    assert str(caught.value) == "got ***"


@pytest.mark.parametrize("part", ["://a:x", "eyJ", "a_", "-----BEGIN A-----", "Bearer ", "\\", '"'])
def test_time_grows_with_the_text_only(part: str) -> None:
    start = time.perf_counter()
    without_secrets(part * (200_000 // len(part)))
    assert time.perf_counter() - start < 5
