"""Named configurations: the published systems, and laptop-sized ones."""

from __future__ import annotations

from collections.abc import Callable

from nas_lib.config import SearchConfig
from nas_lib.errors import ConfigError
from nas_lib.presets import enas, nas, nas_rnn, nasnet, photos, series, translation

__all__ = ["PRESETS", "descriptions", "preset"]

PRESETS: dict[str, Callable[[], SearchConfig]] = {
    "digits": nas.digits,
    "photos": photos.photos,
    "photos-shared": photos.photos_shared,
    "series": series.small,
    "enas-macro-digits": enas.macro_digits,
    "enas-micro-digits": enas.micro_digits,
    "enas-rnn-pydoc": enas.rnn_pydoc,
    "nas-rnn-pydoc": nas_rnn.pydoc,
    "nas-rnn-pydoc-characters": nas_rnn.pydoc_characters,
    "nasnet-digits": nasnet.digits,
    "nasnet-digits-shared": nasnet.digits_shared,
    "translation": translation.small,
    "nas-cnn": nas.nas_cnn,
    "nas-cnn-strides": nas.nas_cnn_strides,
    "nas-cnn-pooling": nas.nas_cnn_pooling,
    "nas-rnn-paper": nas_rnn.paper,
    "enas-macro-paper": enas.macro_paper,
    "enas-macro-official-code": enas.macro_official_code,
    "enas-micro-paper": enas.micro_paper,
    "enas-micro-official-code": enas.micro_official_code,
    "enas-rnn-paper": enas.rnn_paper,
    "enas-rnn-official-code": enas.rnn_official_code,
    "nasnet-paper": nasnet.paper,
    "nasnet-imagenet-mobile": nasnet.imagenet_mobile,
    "nasnet-imagenet-large": nasnet.imagenet_large,
}


def preset(name: str) -> SearchConfig:
    """Return the preset of this name.

    Raises:
        ConfigError: There is none.
    """
    if name not in PRESETS:
        raise ConfigError(f"no preset is called {name!r}; there are {', '.join(PRESETS)}")
    return PRESETS[name]()


def descriptions() -> dict[str, str]:
    """Return a one-line description of every preset by name."""
    return {name: (make.__doc__ or "").partition("\n")[0] for name, make in PRESETS.items()}


def __dir__() -> list[str]:
    return __all__
