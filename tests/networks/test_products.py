"""Letters: `[M, K]` times `[K, N]`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch

from nas_lib.networks import products
from nas_lib.networks.products import product


@pytest.fixture(autouse=True)
def asked_anew() -> Iterator[None]:
    products._by_onednn.cache_clear()
    yield
    products._by_onednn.cache_clear()


def check_any_layout(m: int, dtype: torch.dtype = torch.float32) -> None:
    torch.manual_seed(0)
    a_MK, wide_KW = torch.randn(m, 300, dtype=dtype), torch.randn(300, 500, dtype=dtype)

    for b_KN in (wide_KW, wide_KW.t().contiguous().t(), wide_KW[:, 20:420]):
        torch.testing.assert_close(product(a_MK, b_KN), a_MK @ b_KN, atol=1e-4, rtol=1e-5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("m", [1, 64])
def test_products_are_those_of_any_layout(dtype: torch.dtype, m: int) -> None:
    check_any_layout(m, dtype)


def of_another_torch(*_: Any) -> torch.Tensor:
    raise NotImplementedError("Could not run 'mkldnn::_linear_pointwise' with ... 'CPU' backend")


@pytest.mark.parametrize("operations", [{}, {"_linear_pointwise": of_another_torch}])
def test_torchs_own_product_does_where_onednns_is_missing_or_another(
    operations: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.ops, "mkldnn", type("Operations", (), operations)())

    check_any_layout(64)

    assert products._by_onednn() is None


def test_onednns_is_taken_where_this_torch_is_built_with_it() -> None:
    is_built_with_it = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    assert (products._by_onednn() is not None) == is_built_with_it
