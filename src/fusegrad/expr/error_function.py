"""erf and erfc as rational functions, written over abstract operands: NumPy arrays and traced expressions alike.

`ops` supplies `exp`, `abs`, `minimum` and `maximum`; the latter two must let NaN pass, as NumPy's do.  There is no
branch and no `where`: with NumPy every operation is a pass over the block, and a `where` costs as much as eight.

The coefficients are our own: Remez exchange on Chebyshev starting points in 60 digits (P and Q together, by Newton's
method on the levelled error), rounded to the dtype when they meet it.  All of P and Q are positive and so are their
arguments, hence nothing cancels.  Q has the leading coefficient 1, which saves a product.
Evaluated in its dtype by NumPy each function stays within 4 eps · max(|f|, |x f'|, eps) of the true value.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol


class Operations(Protocol):
    """The functions of an operand that the formulas here call."""

    def exp(self, x: Any, /) -> Any: ...
    def abs(self, x: Any, /) -> Any: ...
    def minimum(self, x: Any, y: Any, /) -> Any: ...
    def maximum(self, x: Any, y: Any, /) -> Any: ...


class Rational(NamedTuple):
    """P(s) / Q(s) for s no further from zero than `limit` allows; coefficients from the constant term upwards."""

    limit: float
    numerator: tuple[float, ...]
    denominator: tuple[float, ...]  # without the leading 1


# erf(x) / x as a function of x², least relative error on |x| <= limit, where 1 − erf is half a unit in the last place.
ERF = {
    "float32": Rational(  # error 1.9e-8
        3.93,
        (29692.455861256727, 5020.590100073588, 1389.167860957078, 99.4671698600043, 7.494512730127335,
         0.053728372024670464),
        (26314.25437320819, 13220.784117838466, 3006.7043924830873, 394.66648445390666, 30.66355164774944),
    ),
    "float64": Rational(  # error 3.1e-17; the constant terms moved by 2 units in the last place to balance the rounding
        5.93,
        (1274711922271243.5, 248713615047169.47, 74694389381110.83, 7782389766184.0205, 966567719988.3661,
         64321334635.89353, 4405849448.876009, 191435304.7810812, 7635789.296717125, 194260.18518556506,
         3769.120682427599, 25.158644766565846, 0.01775353505298343),
        (1129684027712419.25, 596978044952297.2, 152220457929354.06, 24836550257910.31, 2897146960545.6777,
         255394530755.58102, 17506846792.84396, 943210810.2460685, 39710079.90794239, 1270276.9562626788,
         28798.128218546004, 374.97563367798193),
    ),
}  # fmt: skip

# erfc(x) exp(x²) as a function of x >= 0, exactly 1 at 0; beyond the limit exp(−x²) times it is 0 in the dtype.
ERFC = {
    "float32": Rational(  # relative error (1 + x²) · 6.3e-8 up to the limit
        10.1,
        (6.9530205749794565, 6.719842652603036, 3.003141699066004, 0.5640059445211315),
        (6.9530205749794565, 14.565461320772764, 12.485917581320495, 5.315233687059736),
    ),
    "float64": Rational(  # relative error (1 + x²) · 1.3e-17 up to 9, where erfc is 4e-37; below 3e-10 up to the limit
        27.3,
        (3989.3265879287037, 7566.545490584937, 7142.561004398228, 4233.521936920098, 1701.0315468246881,
         471.8596405654492, 88.21525818035019, 10.202718598772769, 0.5641895876746028),
        (3989.3265879287037, 12068.018503143921, 16770.5350835397, 14090.007851472083, 7912.904937712022,
         3092.674030876088, 845.3916844107247, 156.85745804771628, 18.08384836916186),
    ),
}  # fmt: skip

# Multiplies x in a ramp from −1 to 1 that stands for its sign; it is ±1 from the reciprocal on, far below eps.
STEEPNESS = 1e20


def erf(x: Any, ops: Operations, dtype: str) -> Any:
    """erf(x) = x P(x²) / Q(x²), odd and within [−1, 1]; `dtype` ("float32" or "float64") selects the coefficients."""
    limit, numerator, denominator = ERF[dtype]
    x = _clamp(x, limit, ops)
    return _clamp(x * _ratio(x * x, numerator, denominator), 1.0, ops)


def erfc(x: Any, ops: Operations, dtype: str) -> Any:
    """1 − erf(x), relatively accurate where it is small: exp(−x²) P(|x|) / Q(|x|) for x >= 0, 2 − erfc(−x) below."""
    limit, numerator, denominator = ERFC[dtype]
    x = _clamp(x, limit, ops)
    tail = ops.exp(-(x * x)) * _ratio(ops.abs(x), numerator, denominator)
    sign = _clamp(x * STEEPNESS, 1.0, ops)
    return (1.0 - sign) + sign * tail


def _clamp(x: Any, bound: float, ops: Operations) -> Any:
    return ops.minimum(ops.maximum(x, -bound), bound)


def _ratio(s: Any, numerator: Sequence[float], denominator: Sequence[float]) -> Any:
    """P(s) / Q(s)."""
    square = s * s
    return _split(s, square, numerator) / _split(s, square, (*denominator, 1.0))


def _split(s: Any, square: Any, coefficients: Sequence[float]) -> Any:
    """The even powers plus s times the odd ones: as many operations as Horner's rule in s, half as many in a chain."""
    return _horner(square, coefficients[0::2]) + s * _horner(square, coefficients[1::2])


def _horner(s: Any, coefficients: Sequence[float]) -> Any:
    *lower, second, highest = coefficients
    value = s + second if highest == 1.0 else s * highest + second
    for coefficient in reversed(lower):
        value = value * s + coefficient
    return value
