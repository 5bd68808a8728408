"""Whom a search tells: addresses without secrets, as the document is stored and shown."""

from __future__ import annotations

import pytest

from nas_lib.config import NotifyConfig, SearchConfig
from nas_lib.config.notify import host_of
from nas_lib.config_file import resolve_config
from nas_lib.errors import ConfigError

KEY = "x4Kd0Vq7" * 3


def notifying(name: str, address: str) -> SearchConfig:
    config = resolve_config("digits", {f"notify.{name}": address}, stored=None)
    assert config is not None
    return config


@pytest.mark.parametrize(
    ("name", "address", "sentence"),
    [
        ("webhook", f"https://me:{KEY}@ci.example/x", "without a password or token"),
        ("webhook", f"https://ci.example/x?token={KEY}", "without a password or token"),
        ("webhook", f"https://hooks.slack.com/services/T0/B0/{KEY}", "like a key in its path"),
        ("webhook", "https://hc.example/3f0c6a0e-1b7d-4c55-9a7e-0123456789ab", "like a key in its"),
        ("webhook", f"https://ci.example/x {KEY}", "without blanks, of at most 2048 characters"),
        ("webhook", f"https://ci.example/{KEY * 100}", "without blanks, of at most 2048"),
        ("webhook", f"ftp://ci.example/{KEY}", "https://host/path, or http://, or $NAME, got ftp"),
        ("mlflow.uri", f"http://me:{KEY}@mlflow:5000", "without a password or token"),
        ("mlflow.uri", f"gopher://mlflow/{KEY}", "what else MLflow takes, or $NAME, got gopher://"),
    ],
)
def test_what_may_be_secret_is_refused_and_not_repeated(
    name: str, address: str, sentence: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        notifying(name, address)

    said = str(refused.value)
    assert f"notify.{name}: expected " in said
    assert sentence in said
    assert KEY not in said
    assert "9a7e" not in said


@pytest.mark.parametrize(
    "address",
    [
        "https://ci.example.com/job/search-of-photos-2026-v2/build",
        "https://abcdefghijklmnopqrstuv12.lambda-url.example/hook",
        "https://hooks.slack.com/services/$NAS_HOOK",
        "$NAS_WEBHOOK",
    ],
)
def test_addresses_without_secrets_are_taken(address: str) -> None:
    assert notifying("webhook", address).notify.webhook == address


def test_people_see_no_more_of_an_address_than_its_host() -> None:
    config = NotifyConfig(webhook="https://ci.example/hooks/nas", mlflow={"uri": "http://ml:5000"})

    shown = config.shown()
    assert (shown.webhook, shown.mlflow.uri) == ("https://ci.example/***", "http://ml:5000")
    assert host_of("https://me:word@ci.example/x") == "https://ci.example/***"
    assert host_of("$NAS_WEBHOOK") == "$NAS_WEBHOOK"
