"""Exact numbers as they are written and read: 0.1 / 7 is the quotient 1 / 70.

What is written is read again as another number by the last digit: so the normal form has the number
that is read, and is the same for a formula and for its text.
"""

from __future__ import annotations

from fractions import Fraction

LARGEST_QUOTIENT = 10**6  # the denominator of a number that is written or read as a quotient
LARGEST_WHOLE = 2**53  # larger ones are read as floats
SMALLEST = Fraction(1, 10**300)
SMALL_QUOTIENT, LONG_DECIMAL, ROUNDED = 1000, 12, Fraction(4, 10**16)
OF_FLOATS = 2**21  # what divides the denominator of a number that floats were made of


def as_read(number: Fraction) -> Fraction:
    """A number as the quotient that its float is: of small numbers but for rounding, or exactly.

    >>> as_read(Fraction(0.1) / 7), as_read(Fraction(1 / 3))
    (Fraction(1, 70), Fraction(1, 3))
    """
    if number.denominator == 1 and abs(number) > LARGEST_WHOLE:
        return Fraction(float(number)) if abs(number) < 1 / SMALLEST else number
    if number.denominator <= LARGEST_QUOTIENT or not SMALLEST < abs(number) < 1 / SMALLEST:
        return number
    small = number.limit_denominator(SMALL_QUOTIENT)
    long = len(repr(float(number))) > LONG_DECIMAL
    if long and abs(small - number) < ROUNDED * abs(number):
        return small
    near = Fraction(float(number)).limit_denominator(LARGEST_QUOTIENT)
    return near if float(near) == float(number) else number


def is_short(size: Fraction) -> bool:
    """Whether a fraction is better read as a decimal: 0.5, 0.044715, what is no quotient."""
    if size.denominator > LARGEST_QUOTIENT:
        return SMALLEST < size < 1 / SMALLEST  # others would lose digits, or be 0
    decimal, quotient = repr(float(size)), f"{size.numerator} / {size.denominator}"
    longest = 4 if size.numerator == 1 else max(4, len(quotient) - 1)
    return len(decimal) <= longest and Fraction(decimal) == size


def added_numbers(one: Fraction, two: Fraction) -> Fraction:
    """The sum; 0 where only the rounding of floats is left of it.

    >>> added_numbers(Fraction(0.1) ** 2, -Fraction(0.01)), added_numbers(Fraction(2), Fraction(-1))
    (Fraction(0, 1), Fraction(1, 1))
    """
    total = one + two
    if total.denominator > LARGEST_WHOLE and abs(total) < ROUNDED * abs(one):
        return Fraction(0)
    return total


def told(number: Fraction) -> Fraction:
    """The number that is read where this one is written; a quotient of whole numbers is itself.

    >>> told(Fraction(0.1) ** 2) == Fraction(0.01), told(Fraction(0.1) / 7), told(Fraction(1, 10))
    (True, Fraction(1, 70), Fraction(1, 10))
    """
    above, below = abs(number.numerator), number.denominator
    whole = above * below <= LARGEST_WHOLE and below % OF_FLOATS
    if below == 1 or whole or not SMALLEST < abs(number) < 1 / SMALLEST:
        return number
    rounded = Fraction(float(number))
    found = as_read(rounded)
    if found.denominator == 1 or not is_short(abs(found)):
        return found
    return Fraction(float(found))
