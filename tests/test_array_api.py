"""The names of the Python array API standard 2024.12 are there, those excepted that are named."""

import derivant as dv

FUNCTIONS = """
abs acos acosh add asin asinh atan atan2 atanh bitwise_and bitwise_left_shift bitwise_invert
bitwise_or bitwise_right_shift bitwise_xor ceil clip conj copysign cos cosh divide equal exp expm1
floor floor_divide greater greater_equal hypot imag isfinite isinf isnan less less_equal log log1p
log2 log10 logaddexp logical_and logical_not logical_or logical_xor maximum minimum multiply
negative nextafter not_equal positive pow real reciprocal remainder round sign signbit sin sinh
square sqrt subtract tan tanh trunc
take take_along_axis
matmul matrix_transpose tensordot vecdot
broadcast_arrays broadcast_to concat expand_dims flip moveaxis permute_dims repeat reshape roll
squeeze stack tile unstack
argmax argmin count_nonzero nonzero searchsorted where
unique_all unique_counts unique_inverse unique_values
argsort sort
cumulative_prod cumulative_sum max mean min prod std sum var
all any diff
arange asarray empty empty_like eye full full_like linspace meshgrid ones ones_like tril triu
zeros zeros_like
astype can_cast finfo iinfo isdtype result_type
""".split()
LINALG = """
cholesky cross det diagonal eigh eigvalsh inv matmul matrix_norm matrix_power matrix_rank
matrix_transpose outer slogdet solve svdvals tensordot trace vecdot vector_norm
""".split()
LATER = {"pinv", "qr", "svd"}  # the linalg extension's, not there yet
EXTRA = """
einsum kron cumsum cumprod pad roll tile at trace diag tril triu erf lgamma digamma expit logit
logsumexp softmax log_softmax log_sigmoid softplus relu gelu silu elu xlogy sinc hypot logaddexp
std var cross_entropy conv1d conv2d stop_gradient transpose concatenate
""".split()


def test_functions_of_the_standard():
    assert [name for name in FUNCTIONS if not callable(getattr(dv, name, None))] == []


def test_linear_algebra_of_the_standard():
    assert [name for name in LINALG if not callable(getattr(dv.linalg, name, None))] == []
    assert not [name for name in LATER if hasattr(dv.linalg, name)]


def test_beyond_the_standard():
    assert [name for name in EXTRA if not hasattr(dv, name)] == []
    for name in ("norm", "expm", "sqrtm", "logm", "matrix_function", "spectral_sum"):
        assert callable(getattr(dv.linalg, name))
    for name in ("key", "split", "normal", "uniform", "bernoulli", "permutation"):
        assert callable(getattr(dv.random, name))
