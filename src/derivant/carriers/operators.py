"""Python's operators on carriers, each the application of a row. Shared by Tensor and Expr."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from derivant.primitives import TABLE, prepared
from derivant.primitives.primitive import NO_PARAMS, Params, Primitive, Settings

ADD, SUBTRACT, MULTIPLY, DIVIDE = (TABLE[n] for n in ("add", "subtract", "multiply", "divide"))
NEGATIVE, POW, POWER, MATMUL = (TABLE[n] for n in ("negative", "pow", "power", "matmul"))
REMAINDER, FLOOR_DIVIDE, ABS = (TABLE[n] for n in ("remainder", "floor_divide", "abs"))
EQUAL, NOT_EQUAL, LESS, LESS_EQUAL, GREATER, GREATER_EQUAL = (
    TABLE[n] for n in ("equal", "not_equal", "less", "less_equal", "greater", "greater_equal")
)
AND, OR, XOR, INVERT = (TABLE[f"bitwise_{n}"] for n in ("and", "or", "xor", "invert"))
NUMBERS = (int, float)


@lru_cache(maxsize=1024, typed=True)
def _raising(exponent: float) -> Settings:
    """The parameter of a power that is not 0: 0.0 and -0.0 would be taken for one."""
    return prepared(POWER, exponent=exponent)


class Operators:
    """Arithmetic, comparison and `@` in terms of the carrier's own `derivant_apply`."""

    __slots__ = ()
    __array_priority__ = 1000.0

    @staticmethod
    def derivant_apply(row: Primitive, operands: tuple[Any, ...], params: Params) -> Any:
        raise NotImplementedError

    def __add__(self, other: Any) -> Any:
        return self.derivant_apply(ADD, (self, other), NO_PARAMS)

    def __radd__(self, other: Any) -> Any:
        return self.derivant_apply(ADD, (other, self), NO_PARAMS)

    def __sub__(self, other: Any) -> Any:
        return self.derivant_apply(SUBTRACT, (self, other), NO_PARAMS)

    def __rsub__(self, other: Any) -> Any:
        return self.derivant_apply(SUBTRACT, (other, self), NO_PARAMS)

    def __mul__(self, other: Any) -> Any:
        return self.derivant_apply(MULTIPLY, (self, other), NO_PARAMS)

    def __rmul__(self, other: Any) -> Any:
        return self.derivant_apply(MULTIPLY, (other, self), NO_PARAMS)

    def __truediv__(self, other: Any) -> Any:
        return self.derivant_apply(DIVIDE, (self, other), NO_PARAMS)

    def __rtruediv__(self, other: Any) -> Any:
        return self.derivant_apply(DIVIDE, (other, self), NO_PARAMS)

    def __floordiv__(self, other: Any) -> Any:
        return self.derivant_apply(FLOOR_DIVIDE, (self, other), NO_PARAMS)

    def __rfloordiv__(self, other: Any) -> Any:
        return self.derivant_apply(FLOOR_DIVIDE, (other, self), NO_PARAMS)

    def __mod__(self, other: Any) -> Any:
        return self.derivant_apply(REMAINDER, (self, other), NO_PARAMS)

    def __rmod__(self, other: Any) -> Any:
        return self.derivant_apply(REMAINDER, (other, self), NO_PARAMS)

    def __pow__(self, other: Any) -> Any:
        if type(other) in NUMBERS:
            settings = _raising(other) if other else {"exponent": other}
            return self.derivant_apply(POWER, (self,), settings)
        return self.derivant_apply(POW, (self, other), NO_PARAMS)

    def __rpow__(self, other: Any) -> Any:
        return self.derivant_apply(POW, (other, self), NO_PARAMS)

    def __matmul__(self, other: Any) -> Any:
        return self.derivant_apply(MATMUL, (self, other), NO_PARAMS)

    def __rmatmul__(self, other: Any) -> Any:
        return self.derivant_apply(MATMUL, (other, self), NO_PARAMS)

    def __neg__(self) -> Any:
        return self.derivant_apply(NEGATIVE, (self,), NO_PARAMS)

    def __pos__(self) -> Any:
        return self

    def __abs__(self) -> Any:
        return self.derivant_apply(ABS, (self,), NO_PARAMS)

    def __eq__(self, other: object) -> Any:
        return self.derivant_apply(EQUAL, (self, other), NO_PARAMS)

    def __ne__(self, other: object) -> Any:
        return self.derivant_apply(NOT_EQUAL, (self, other), NO_PARAMS)

    def __lt__(self, other: Any) -> Any:
        return self.derivant_apply(LESS, (self, other), NO_PARAMS)

    def __le__(self, other: Any) -> Any:
        return self.derivant_apply(LESS_EQUAL, (self, other), NO_PARAMS)

    def __gt__(self, other: Any) -> Any:
        return self.derivant_apply(GREATER, (self, other), NO_PARAMS)

    def __ge__(self, other: Any) -> Any:
        return self.derivant_apply(GREATER_EQUAL, (self, other), NO_PARAMS)

    def __and__(self, other: Any) -> Any:
        return self.derivant_apply(AND, (self, other), NO_PARAMS)

    def __rand__(self, other: Any) -> Any:
        return self.derivant_apply(AND, (other, self), NO_PARAMS)

    def __or__(self, other: Any) -> Any:
        return self.derivant_apply(OR, (self, other), NO_PARAMS)

    def __ror__(self, other: Any) -> Any:
        return self.derivant_apply(OR, (other, self), NO_PARAMS)

    def __xor__(self, other: Any) -> Any:
        return self.derivant_apply(XOR, (self, other), NO_PARAMS)

    def __rxor__(self, other: Any) -> Any:
        return self.derivant_apply(XOR, (other, self), NO_PARAMS)

    def __invert__(self) -> Any:
        return self.derivant_apply(INVERT, (self,), NO_PARAMS)

    __hash__ = object.__hash__
