"""The compiled matrix products: NumPy's results for all sizes, whatever lies around, in bits that no block changes."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.cpu.products import LANES, ROWS_AT_ONCE, add_transposed, in_strips, multiply

sizes = st.integers(1, 2 * LANES + 9)
any_multiply: Any = multiply  # numba's type for calls takes too few arguments
any_add_transposed: Any = add_transposed


def multiply_any(left: Any, right: Any, result: Any) -> None:
    any_multiply(left, in_strips(right), result)


def add_transposed_any(left: Any, right: Any, result: Any) -> None:
    any_add_transposed(left, right, result)


def matrices(rows: int, depth: int, columns: int, dtype: Any) -> tuple[Any, Any]:
    generator = np.random.default_rng([rows, depth, columns])
    return generator.standard_normal((rows, depth)).astype(dtype), generator.standard_normal((depth, columns)).astype(
        dtype
    )


@settings(deadline=None)
@given(sizes, sizes, sizes, st.sampled_from([(np.float32, 1e-4), (np.float64, 1e-12)]))
def test_products_are_numpys(rows: int, depth: int, columns: int, kind: tuple[Any, float]) -> None:
    dtype, tolerance = kind
    left, right = matrices(rows, depth, columns, dtype)
    expected = left.astype(np.float64) @ right
    result = np.full((rows + 1, columns), np.nan, dtype)
    multiply_any(left, right, result[:rows])
    np.testing.assert_allclose(result[:rows], expected, rtol=0, atol=tolerance)
    assert np.isnan(result[rows]).all()  # what lies behind the result is left alone
    result = np.ones((rows + 1, columns), dtype)
    add_transposed_any(np.ascontiguousarray(left.T), right, result[:rows])
    np.testing.assert_allclose(result[:rows], 1 + expected, rtol=0, atol=tolerance)
    assert (result[rows] == 1).all()


def test_more_rows_than_are_computed_at_once() -> None:
    left, right = matrices(2 * ROWS_AT_ONCE + 3, 20, 7, np.float64)
    result = np.zeros((len(left), 7))
    add_transposed_any(np.ascontiguousarray(left.T), right, result)
    np.testing.assert_allclose(result, left @ right, rtol=0, atol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_row_has_the_same_bits_in_any_company(dtype: Any) -> None:
    left, right = matrices(21, 64, 2 * LANES + 5, dtype)
    together = np.empty((21, right.shape[1]), dtype)
    multiply_any(left, right, together)
    for row in range(21):
        alone = np.empty((1, right.shape[1]), dtype)
        multiply_any(left[row : row + 1], right, alone)
        assert np.array_equal(alone[0], together[row])


def test_nan_is_not_hidden() -> None:
    left, right = matrices(9, 5, 3, np.float32)
    left[4, 2] = np.nan
    result = np.empty((9, 3), np.float32)
    multiply_any(left, right, result)
    assert np.isnan(result[4]).all()
    assert np.isfinite(np.delete(result, 4, axis=0)).all()
