"""Special functions: the names of scipy.special and of the activations built on them."""

from derivant.ops.activations import log_sigmoid, softplus
from derivant.ops.reductions import log_softmax, logsumexp, softmax
from derivant.ops.special import (
    digamma,
    entr,
    erf,
    erfc,
    expit,
    gammaln,
    lgamma,
    logit,
    ndtr,
    psi,
    sinc,
    xlog1py,
    xlogy,
)

__all__ = [
    "digamma",
    "entr",
    "erf",
    "erfc",
    "expit",
    "gammaln",
    "lgamma",
    "log_sigmoid",
    "log_softmax",
    "logit",
    "logsumexp",
    "ndtr",
    "psi",
    "sinc",
    "softmax",
    "softplus",
    "xlog1py",
    "xlogy",
]
