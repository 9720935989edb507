"""Division of many numbers by one that stays: a multiplication, and its error put right.

x/y = q + (x - q y)/y with q = x (1/y): the rest is exact where the machine multiplies and adds with
one rounding, so that the quotient is the one that division gives (P. W. Markstein, *Computation of
elementary functions on the IBM RISC System/6000 processor*, 1990), but for results that are
subnormal. y is brought near 1 by a power of two first, so that all of it stays in range.
"""

from __future__ import annotations

from dataclasses import dataclass

from derivant.compiler.ir import Block, Reg
from derivant.compiler.ir_math import FORMATS


@dataclass(frozen=True, slots=True)
class Divisor:
    """A power of two with the sign of y, |y| times that power, and 1 over this."""

    scale: Reg
    near: Reg
    inverse: Reg


def divisor(b: Block, y: Reg) -> Divisor:
    """What is known of y before the loop.

    The power brings what is at least 1 to [1, 2), so that no number multiplied by it is too large,
    and what is smaller to [1/2, 1), so that none loses digits.
    """
    form, bits = FORMATS[y.kind], b.bits(y)
    word = bits.kind
    one, middle, twice = (b.number(n, word) for n in (1, form.bias, 2 * form.bias))
    exponent = b.logic("and", b.shift("lshr", bits, form.digits), b.number(2 * form.bias + 1, word))
    small = b.compare("less", exponent, middle)
    opposite = b.sub(b.select(small, b.sub(twice, one), twice), exponent)
    opposite = b.select(b.compare("less", opposite, one), one, opposite)
    power = b.from_bits(b.shift("shl", opposite, form.digits))
    near = b.mul(b.call("fabs", y), power)
    inverse = b.div(b.number(1.0, y.kind), near)
    return Divisor(b.call("copysign", power, y), near, inverse)


def quotient(b: Block, x: Reg, y: Divisor) -> Reg:
    """x / y; zeros keep their sign, and what is infinite or no number is what it is."""
    scaled = b.mul(x, y.scale)
    first = b.mul(scaled, y.inverse)
    over = b.call("fma", first, y.near, b.neg(scaled))
    found = b.call("fma", over, b.neg(y.inverse), first)
    return b.select(b.unordered(found), first, found)
