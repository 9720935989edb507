"""exp, log, tanh, sigmoid, erf and their kin in LLVM's language, so that loops of them vectorise.

Ranges are reduced as in W. J. Cody and W. Waite, *Software Manual for the Elementary Functions*
(1980); the polynomials are minimax fits of ours (Remez's exchange at 60 digits), their error far
below the rounding. Exact at infinities, NaN, zeros and subnormals; nothing traps or branches.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass

from derivant.compiler.ir import Block, Reg

# exp(r) = 1 + r + r^2 p(r) on |r| <= log(2)/2
EXP = {
    "float64": (
        0.5, 0.16666666666666682, 0.041666666666666095, 0.008333333333316983, 0.001388888888911639,
        0.000198412698965142, 2.4801586925656112e-05, 2.7557234728557597e-06, 2.755758233694174e-07,
        2.511208429742466e-08, 2.0826565595847573e-09,
    ),
    "float32": (
        0.4999999343371891, 0.16666520401933949, 0.04166839031709421, 0.008368744962139274,
        0.0013814568877268667,
    ),
}  # fmt: skip
# log((1 + s)/(1 - s)) = 2 s + s z p(z), z = s^2, on sqrt(1/2) <= (1 + s)/(1 - s) <= sqrt(2)
LOG = {
    "float64": (
        0.6666666666666735, 0.39999999999409974, 0.28571428743537114, 0.2222219844538834,
        0.18183571448841185, 0.15313856641887624, 0.147980014702596,
    ),
    "float32": (0.6666677681779807, 0.3997748161488736, 0.2987348557525203),
}  # fmt: skip
# tanh(x) = x + x z p(z), z = x^2, on |x| <= 0.63, in float64
TANH = (
    -0.3333333333333333, 0.13333333333333114, -0.05396825396810046, 0.021869488530746144,
    -0.008863235417306065, 0.003592126527161218, -0.001455820675197459, 0.0005899404895968601,
    -0.0002387385928533704, 9.567114936967251e-05, -3.649813476492958e-05,
    1.1676731211939449e-05, -2.2236691321942567e-06,
)  # fmt: skip
# tanh(x/2) = x/2 (1 + z p(z)/q(z)), z = x^2, on |x| <= 9.02, in float32; p and q doubled
TANH_HALF = (
    (-0.16666654251153092, -0.0019492566301022466, -1.3916158039604916e-07),
    (2.0, 0.22338953072089828, 0.0021030100872384784),
)
# erf(x) = x p(x^2) on |x| <= 1
ERF = {
    "float64": (
        1.1283791670955126, -0.3761263890318375, 0.11283791670954885, -0.026866170645077875,
        0.00522397762482843, -0.0008548326981425996, 0.00012055331132988645,
        -1.4925595773305657e-05, 1.6461008500463625e-06, -1.6350396504903226e-07,
        1.4660330858787547e-08, -1.1374964774195256e-09, 5.960701739558499e-11,
    ),
    "float32": (
        1.1283791659138993, -0.37612627135528626, 0.1128360016912614, -0.026854444237171003,
        0.0051895345933877166, -0.0008020834298678889, 7.889095510477581e-05,
    ),
}  # fmt: skip
# exp(x^2) erfc(x) = p(u), u = (1/(x + 2) - centre) stretch, on 1 <= x <= 28 (11 in float32)
ERFCX = {
    "float64": (
        0.15740416126236126, 0.18917471357906776, 0.06546543543374238, 0.015287050639062246,
        0.0015021243378814308, -0.0003398267510071447, -0.00010829367738485706,
        1.2443738109726257e-05, 7.3756981140908105e-06, -1.0052707618684039e-06,
        -5.47152533159193e-07, 1.3009615993045208e-07, 3.7519949313710135e-08,
        -1.800475925462639e-08, -1.2069042180943465e-09, 2.2512716839395216e-09,
        -2.2835391190312738e-10, -2.3116061614744828e-10, 3.934341683481911e-11,
        1.6019012334219717e-11,
    ),
    "float32": (
        0.18628699014067848, 0.17880415225600413, 0.05283631783286993, 0.010046128459609078,
        0.0006531902149216931, -0.0001946037895742496, -3.589674193162279e-05,
        5.91839074371039e-06, 1.588276409781112e-06,
    ),
}  # fmt: skip
CENTRE = {
    "float64": (0.1835, 6.659267480577136),
    "float32": (0.2052948717948718, 7.789873164885648),
}
# exp(a^2/2) Phi(-a) = p(1/(1 + TILT a)) on 0 <= a <= 14.6, Phi the normal distribution
TILT = 0.3359375
TAIL = (
    4.2555812658922625e-06, 0.13389817571474158, 0.13552175743559855, 0.10832347736373939,
    0.13541150506372188, -0.08662931567217172, 0.2622033862274222, -0.31377997302315913,
    0.1530444698807868, -0.02799774298713269,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Format:
    """What the functions need to know of a float format."""

    digits: int  # bits of the fraction
    bias: int
    smallest: float  # the least normal number
    low: float  # below it exp is 0
    usual: float  # above it exp is normal, with room
    high: float  # above it exp is infinite
    ln2_high: float  # few enough bits that its multiples are exact
    ln2_low: float


FORMATS = {
    "float64": Format(52, 1023, 2.0**-1022, -746.0, -700.0, 710.0, 6.93147180369123816490e-01,
                      1.90821492927058770002e-10),
    "float32": Format(23, 127, 2.0**-126, -104.0, -80.0, 89.0, 0.693359375,
                      -2.12194440054690581e-04),
}  # fmt: skip
LIFT = 64  # binary places by which powers are lifted out of the subnormal range


def two_to(b: Block, n: Reg, kind: str) -> Reg:
    """2^n of an integer within the range of normal numbers."""
    form = FORMATS[kind]
    return b.from_bits(b.shift("shl", b.add(n, b.number(form.bias, n.kind)), form.digits))


def _rounded(b: Block, x: Reg, factor: float = 1.0) -> tuple[Reg, Reg]:
    """The whole number near factor x / log(2), and a float that has it in its last bits.

    A number is added that leaves no places for the rest.
    """
    whole = b.number(_whole(x.kind), x.kind)
    shifted = b.muladd(x, b.number(factor / math.log(2), x.kind), whole)
    return b.sub(shifted, whole), shifted


def _whole(kind: str) -> float:
    return float(1.5 * 2 ** FORMATS[kind].digits)


def _split_exponent(b: Block, x: Reg) -> tuple[Reg, Reg]:
    """`shifted` and r with e^x = 2^n e^r, n in the last bits of `shifted`, |r| <= log(2)/2."""
    form, kind = FORMATS[x.kind], x.kind
    low, high = b.number(form.low, kind), b.number(form.high, kind)
    x = b.select(b.compare("less", x, low), low, x)
    x = b.select(b.compare("greater", x, high), high, x)
    n, shifted = _rounded(b, x)
    r = b.muladd(n, b.number(-form.ln2_high, kind), x)
    return shifted, b.muladd(n, b.number(-form.ln2_low, kind), r)


def exp(b: Block, x: Reg) -> Reg:
    """e^x = 2^(n - 1) 2 e^r, so that the power is a number where e^x is one.

    Where the result may be subnormal, the power has a factor that is taken out at the end: it is
    rounded once.
    """
    form, kind = FORMATS[x.kind], x.kind
    shifted, r = _split_exponent(b, x)
    twice = b.polynomial(tuple(2 * c for c in (1.0, 1.0, *EXP[kind])), r)
    word = b.bits(shifted).kind
    small = b.compare("less", x, b.number(form.usual, kind))
    lifted, plain = (b.number((form.bias - 1 + k) << form.digits, word) for k in (LIFT, 0))
    power = b.add(b.shift("shl", b.bits(shifted), form.digits), b.select(small, lifted, plain))
    back = b.select(small, b.number(2.0**-LIFT, kind), b.number(1.0, kind))
    return b.mul(b.mul(twice, b.from_bits(power)), back)


def expm1(b: Block, x: Reg) -> Reg:
    """e^x - 1 = 2^n (e^r - 1) + (2^n - 1), exact digits near 0."""
    kind = x.kind
    shifted, r = _split_exponent(b, x)
    bits = b.bits(shifted)
    n = b.sub(bits, b.number(_bits_of(_whole(kind), kind), bits.kind))
    m = b.add(r, b.mul(b.mul(r, r), b.polynomial(EXP[kind], r)))
    half = b.shift("ashr", n, 1)
    s, t = two_to(b, half, kind), two_to(b, b.sub(n, half), kind)
    one = b.number(1.0, kind)
    whole = b.sub(b.mul(s, t), one)
    found = b.add(b.mul(b.mul(m, s), t), whole)
    large = b.compare("greater", n, b.number(FORMATS[kind].digits + 2, n.kind))
    found = b.select(large, b.mul(b.mul(b.add(m, one), s), t), found)  # 2^n may be too large
    overflows = b.compare("greater", x, b.number(FORMATS[kind].high, kind))
    found = b.select(overflows, b.number(math.inf, kind), found)
    small = b.compare("equal", n, b.number(0, n.kind))
    return b.select(small, b.call("copysign", m, x), found)


def _log(b: Block, u: Reg, c: Reg | None, f0: Reg | None) -> Reg:
    """log(u) + c for u > 0; f0 is u - 1 where that is known with more digits."""
    form, kind = FORMATS[u.kind], u.kind
    tiny = b.compare("less", u, b.number(form.smallest, kind))
    lifted = b.mul(u, b.number(2.0 ** (form.digits + 2), kind))
    x = b.select(tiny, lifted, u)
    i = b.bits(x)
    half = b.number(_bits_of(math.sqrt(0.5), kind), i.kind)
    k = b.shift("ashr", b.sub(i, half), form.digits)
    m = b.from_bits(b.sub(i, b.shift("shl", k, form.digits)))
    k32 = b.cast(k, "int32")
    lift = b.select(tiny, b.number(form.digits + 2, "int32"), b.number(0, "int32"))
    n = b.cast(b.sub(k32, lift), kind)
    f = b.sub(m, b.number(1.0, kind))
    if f0 is not None:
        unscaled = b.compare("equal", k32, b.number(0, "int32"))
        f = b.select(unscaled, f0, f)
        assert c is not None
        c = b.select(unscaled, b.number(0.0, kind), c)
    s = b.div(f, b.add(b.number(2.0, kind), f))
    z = b.mul(s, s)
    r = b.mul(z, b.polynomial(LOG[kind], z))
    square = b.mul(b.mul(b.number(0.5, kind), f), f)
    low = b.mul(n, b.number(form.ln2_low, kind))
    if c is not None:
        low = b.add(low, c)
    inner = b.add(b.mul(s, b.add(square, r)), low)
    return b.sub(b.mul(n, b.number(form.ln2_high, kind)), b.sub(b.sub(square, inner), f))


def _bits_of(value: float, kind: str) -> int:
    if kind == "float64":
        return int(struct.unpack("<q", struct.pack("<d", value))[0])
    return int(struct.unpack("<i", struct.pack("<f", value))[0])


def _at_the_ends(b: Block, x: Reg, u: Reg, found: Reg) -> Reg:
    """A logarithm of u where u is 0, negative, infinite or NaN."""
    kind, zero = u.kind, b.number(0.0, u.kind)
    found = b.select(b.compare("equal", u, b.number(math.inf, kind)), u, found)
    found = b.select(b.compare("equal", u, zero), b.number(-math.inf, kind), found)
    found = b.select(b.compare("less", u, zero), b.number(math.nan, kind), found)
    return b.select(b.unordered(x), x, found)


def log(b: Block, x: Reg) -> Reg:
    """The natural logarithm."""
    return _at_the_ends(b, x, x, _log(b, x, None, None))


def log1p(b: Block, x: Reg) -> Reg:
    """log(1 + x): the digits that 1 + x drops are put back."""
    one = b.number(1.0, x.kind)
    u = b.add(one, x)
    large = b.compare("greater_equal", x, one)
    lost = b.select(large, b.sub(one, b.sub(u, x)), b.sub(x, b.sub(u, one)))
    found = _at_the_ends(b, x, u, _log(b, u, b.div(lost, u), x))
    still = b.compare("equal", x, b.number(0.0, x.kind))
    return b.select(still, x, found)


def tanh(b: Block, x: Reg) -> Reg:
    """The hyperbolic tangent."""
    if x.kind == "float32":
        return _tanh_single(b, x)
    kind, one, two = x.kind, b.number(1.0, x.kind), b.number(2.0, x.kind)
    a = b.call("fabs", x)
    z = b.mul(x, x)
    near = b.muladd(b.mul(x, z), b.polynomial(TANH, z), x)
    e = exp(b, b.mul(two, a))
    far = b.call("copysign", b.sub(one, b.div(two, b.add(e, one))), x)
    found = b.select(b.compare("less", a, b.number(0.625, kind)), near, far)
    zero = b.number(0.0, kind)
    still = b.put(f"fcmp ueq {x.type} {x.name}, {zero.name}", "bool")
    return b.select(still, x, found)  # zeros keep their sign, NaN stays


def _tanh_single(b: Block, x: Reg) -> Reg:
    """s c / (c^2 + (s/2)^2), s/(2 c) = tanh(x/2): what is off in s/c is the less off the nearer the
    result is to 1. Beyond 9.02 it is 1."""
    one, end = b.number(1.0, x.kind), b.number(9.02, x.kind)
    a = b.call("fabs", x)
    a = b.select(b.compare("greater", a, end), end, a)
    z = b.mul(a, a)
    over, c = (b.polynomial(p, z) for p in TANH_HALF)
    s = b.muladd(a, c, b.mul(b.mul(a, z), over))
    half = b.mul(s, b.number(0.5, x.kind))
    found = b.div(b.mul(s, c), b.muladd(c, c, b.mul(half, half)))
    found = b.select(b.compare("greater", found, one), one, found)
    return b.call("copysign", found, x)


def sigmoid(b: Block, x: Reg) -> Reg:
    """1 / (1 + e^-x), from e^-|x| so that nothing overflows."""
    one, e = b.number(1.0, x.kind), exp(b, b.neg(b.call("fabs", x)))
    above = b.select(b.compare("less", x, b.number(0.0, x.kind)), e, one)
    return b.div(above, b.add(one, e))


def log1p_exp(b: Block, x: Reg) -> Reg:
    """log(1 + e^-|x|)."""
    return log1p(b, exp(b, b.neg(b.call("fabs", x))))


def _erfc_far(b: Block, a: Reg) -> Reg:
    """erfc(a) for a >= 1; e^(-a^2) with the digits that squaring drops."""
    kind = a.kind
    centre, stretch = CENTRE[kind]
    t = b.div(b.number(1.0, kind), b.add(a, b.number(2.0, kind)))
    u = b.mul(b.sub(t, b.number(centre, kind)), b.number(stretch, kind))
    h = b.mul(a, a)
    rest = b.call("fma", a, a, b.neg(h))
    e = exp(b, b.neg(h))
    e = b.sub(e, b.mul(e, rest))
    found = b.mul(e, b.polynomial(ERFCX[kind], u))
    gone = b.compare("greater", a, b.number(28.0 if kind == "float64" else 11.0, kind))
    return b.select(gone, b.number(0.0, kind), found)


def erf(b: Block, x: Reg) -> Reg:
    """The error function."""
    kind, one = x.kind, b.number(1.0, x.kind)
    a = b.call("fabs", x)
    near = b.mul(x, b.polynomial(ERF[kind], b.mul(x, x)))
    far = b.call("copysign", b.sub(one, _erfc_far(b, a)), x)
    found = b.select(b.compare("less", a, one), near, far)
    return b.select(b.unordered(x), x, found)


def erfc(b: Block, x: Reg) -> Reg:
    """1 - erf(x), with all its digits where it is small."""
    kind, one = x.kind, b.number(1.0, x.kind)
    a = b.call("fabs", x)
    near = b.sub(one, b.mul(x, b.polynomial(ERF[kind], b.mul(x, x))))
    tail = _erfc_far(b, a)
    below = b.compare("less", x, b.number(0.0, kind))
    far = b.select(below, b.sub(b.number(2.0, kind), tail), tail)
    found = b.select(b.compare("less", a, one), near, far)
    return b.select(b.unordered(x), x, found)


def gelu(b: Block, x: Reg) -> Reg:
    """x Phi(x), Phi the normal distribution; all digits where it is small.

    -1e30 is as good as anything below: the other factor is 0 there.
    """
    kind = x.kind
    if kind == "float32":
        return _gelu_single(b, x)
    low = b.number(-1e30, kind)
    x = b.select(b.compare("less", x, low), low, x)
    return b.mul(b.mul(b.number(0.5, kind), erfc(b, b.mul(b.number(-math.sqrt(0.5), kind), x))), x)


def _gelu_single(b: Block, x: Reg) -> Reg:
    """max(x, 0) - |x| Phi(-|x|), Phi(-a) = exp(-a^2/2) p(1/(1 + TILT a)), 0 beyond 14.6.

    The exponent is rounded by adding a number that has no places for the rest, which leaves it in
    the last bits; what is left, doubled, has the digits that squaring drops. 2^64 goes from one
    factor to the other, so that a product that is subnormal is rounded once.
    """
    kind, form = x.kind, FORMATS[x.kind]
    one, end = b.number(1.0, kind), b.number(14.6, kind)
    a = b.call("fabs", x)
    a = b.select(b.compare("greater", a, end), end, a)
    square = b.mul(a, a)
    lost = b.call("fma", a, a, b.neg(square))
    n, shifted = _rounded(b, square, -0.5)
    r = b.muladd(n, b.number(-2 * form.ln2_high, kind), b.neg(square))
    r = b.sub(b.muladd(n, b.number(-2 * form.ln2_low, kind), r), lost)
    powers = (1.0, 1.0, *EXP[kind])
    e = b.polynomial(tuple(c / 2**k for k, c in enumerate(powers)), r)
    t = b.div(one, b.muladd(a, b.number(TILT, kind), one))
    tail = b.polynomial(tuple(c / 2**LIFT for c in TAIL), t)
    power = b.shift("shl", b.bits(shifted), form.digits)
    power = b.add(power, b.number((form.bias + LIFT) << form.digits, power.kind))
    part = b.mul(b.mul(a, b.from_bits(power)), b.mul(e, tail))
    below = b.compare("less", x, b.number(0.0, kind))
    return b.sub(b.select(below, b.number(-0.0, kind), x), part)
