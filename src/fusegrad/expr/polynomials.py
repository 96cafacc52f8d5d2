"""float32 elementary functions of one scalar, written so that a compiler turns a loop over them into vector code.

A call of the C library inside a loop keeps the loop scalar.  These functions have no calls, no branches (a conditional
expression becomes a select), no float64 and no table, hence LLVM vectorises them.  Their source text is copied into
generated modules, where only `np` and the functions named in `NEEDS` exist; each also runs in plain Python.

Method: range reduction on the bits of the number, then a minimax polynomial or rational function.  The coefficients
are our own: Remez exchange in 30 digits, minimising the relative error of the function named beside them, rounded to
float32 afterwards.  The errors given are those of the exact approximation; evaluated in float32 every function stays
within 4 eps · max(|f|, |x f'|, eps) of the true value, for `pow` with the derivative by either argument.  Contraction
of a·b + c into one rounding is welcome and not needed; reassociation would break the rounding constants.
"""

import numpy as np

# The functions that a function calls, in an order in which they can be defined.
NEEDS: dict[str, tuple[str, ...]] = {
    "exp": ("expm1_reduced",),
    "expm1": ("expm1_reduced",),
    "log": ("log1p_reduced",),
    "log1p": ("log1p_reduced",),
    "tanh": (),
    "sigmoid": ("expm1_reduced",),
    "pow": ("expm1_reduced", "log1p_reduced"),
}


def expm1_reduced(r: np.float32) -> np.float32:
    """exp(r) − 1 for |r| <= ln(2)/2; relative error 1.3e-8."""
    p = np.float32(1.388263748e-3)
    p = p * r + np.float32(8.366580654e-3)
    p = p * r + np.float32(4.166719987e-2)
    p = p * r + np.float32(1.666654318e-1)
    p = p * r + np.float32(4.999999815e-1)
    return r + r * r * p


def log1p_reduced(f: np.float32) -> np.float32:
    """log(1 + f) for 1 + f in [sqrt(1/2), sqrt(2)]; relative error 3.0e-8."""
    p = np.float32(8.735601981e-2)
    p = p * f - np.float32(1.430799881e-1)
    p = p * f + np.float32(1.491793656e-1)
    p = p * f - np.float32(1.657044156e-1)
    p = p * f + np.float32(1.996206682e-1)
    p = p * f - np.float32(2.500175796e-1)
    p = p * f + np.float32(3.333395049e-1)
    p = p * f - np.float32(4.999999157e-1)
    return f + f * f * p


def exp(x: np.float32) -> np.float32:
    """exp(x) = 2^n · exp(r), n = round(x / ln 2); gradual underflow, infinity above 88.72."""
    x = np.float32(-104.0) if x < np.float32(-104.0) else x  # written so that NaN passes
    x = np.float32(89.0) if x > np.float32(89.0) else x
    # Adding 1.5 · 2^23 rounds to an integer and leaves it, in two's complement, in the low bits of the sum.
    shifted = x * np.float32(1.44269504) + np.float32(12582912.0)
    n = shifted - np.float32(12582912.0)
    # ln 2 in two parts: n times the first, of 9 bits, is exact.
    r = x - n * np.float32(0.693359375)
    r = r - n * np.float32(-2.12194440e-4)
    # 2^n in two factors, because n = 128 and n < -126 have no float32 of their own.
    bits = np.int32(np.float32(shifted).view(np.int32) - np.int32(0x4B400000))
    half = np.int32(bits >> np.int32(1))
    first = np.int32((half + np.int32(127)) << np.int32(23)).view(np.float32)
    second = np.int32((bits - half + np.int32(127)) << np.int32(23)).view(np.float32)
    return (np.float32(1.0) + expm1_reduced(r)) * first * second


def expm1(x: np.float32) -> np.float32:
    """exp(x) − 1 = 2^n (exp(r) − 1) + (2^n − 1), which cancels nowhere; n and r as in `exp`."""
    y = np.float32(-20.0) if x < np.float32(-20.0) else x  # -1 to the last bit from -17.4 on
    y = np.float32(89.0) if y > np.float32(89.0) else y
    shifted = y * np.float32(1.44269504) + np.float32(12582912.0)
    n = shifted - np.float32(12582912.0)
    r = y - n * np.float32(0.693359375)
    r = r - n * np.float32(-2.12194440e-4)
    # 2^(n - 1), doubled at the end: 2^128 is infinite, though values below it are not.
    bits = np.int32(np.float32(shifted).view(np.int32) - np.int32(0x4B400000))
    scale = np.int32((bits + np.int32(126)) << np.int32(23)).view(np.float32)
    result = scale * expm1_reduced(r) + (scale - np.float32(0.5))
    return x if x == np.float32(0.0) else result + result  # the sum would lose the sign of -0


def log(x: np.float32) -> np.float32:
    """log(x) = e ln 2 + log(m), x = 2^e · m with m in [sqrt(1/2), sqrt(2)); −inf at 0, NaN below."""
    denormal = x < np.float32(1.17549435e-38)
    scaled = x * np.float32(8388608.0) if denormal else x
    # Subtracting the bits of sqrt(1/2) puts the step of the exponent there; the shift keeps the sign.
    bits = np.float32(scaled).view(np.int32)
    e = np.int32(np.int32(bits - np.int32(0x3F3504F3)) >> np.int32(23))
    m = np.int32(bits - (e << np.int32(23))).view(np.float32)
    exponent = np.float32(e) - (np.float32(23.0) if denormal else np.float32(0.0))
    result = exponent * np.float32(0.693147181) + log1p_reduced(m - np.float32(1.0))
    result = result if x < np.float32(np.inf) else x  # infinity and NaN
    outside = np.float32(-np.inf) if x == np.float32(0.0) else np.float32(np.nan)
    return result if x > np.float32(0.0) else outside


def log1p(x: np.float32) -> np.float32:
    """log(1 + x) = e ln 2 + log1p(f), 1 + x = 2^e (1 + f), where f comes from x and not from the rounded 1 + x."""
    bits = np.float32(np.float32(1.0) + x).view(np.int32)
    e = np.int32(np.int32(bits - np.int32(0x3F3504F3)) >> np.int32(23))
    # 4 · 2^-e instead of 2^-e, which is no normal number for e = 128.
    scale = np.int32(np.int32(0x40800000) - (e << np.int32(23))).view(np.float32)
    f = (x * scale + (scale - np.float32(4.0))) * np.float32(0.25)
    result = np.float32(e) * np.float32(0.693147181) + log1p_reduced(f)
    result = result if x < np.float32(np.inf) else x  # infinity
    result = x if x == np.float32(0.0) else result  # the sign of -0
    outside = np.float32(-np.inf) if x == np.float32(-1.0) else np.float32(np.nan)
    return result if x > np.float32(-1.0) else outside


def tanh(x: np.float32) -> np.float32:
    """tanh(x) = x P(x²) / Q(x²) for |x| <= 9.02, beyond which it is ±1 to the last bit; relative error 2.2e-8."""
    c = np.float32(-9.02) if x < np.float32(-9.02) else x
    c = np.float32(9.02) if c > np.float32(9.02) else c
    s = c * c
    p = np.float32(1.338238022e-8)
    p = p * s + np.float32(2.063441694e-5)
    p = p * s + np.float32(3.497371552e-3)
    p = p * s + np.float32(1.338261463e-1)
    p = p * s + np.float32(1.0)
    q = np.float32(7.789458509e-7)
    q = q * s + np.float32(3.288376927e-4)
    q = q * s + np.float32(2.588403283e-2)
    q = q * s + np.float32(4.671593587e-1)
    q = q * s + np.float32(1.0)
    result = c * p / q
    result = np.float32(-1.0) if result < np.float32(-1.0) else result
    return np.float32(1.0) if result > np.float32(1.0) else result


def sigmoid(x: np.float32) -> np.float32:
    """1 / (1 + exp(−x)), relatively accurate in both tails down to the smallest normal number."""
    y = np.float32(-20.0) if -x < np.float32(-20.0) else -x  # 1 to the last bit from x = 17.4 on
    y = np.float32(89.0) if y > np.float32(89.0) else y
    shifted = y * np.float32(1.44269504) + np.float32(12582912.0)
    n = shifted - np.float32(12582912.0)
    r = y - n * np.float32(0.693359375)
    r = r - n * np.float32(-2.12194440e-4)
    bits = np.int32(np.float32(shifted).view(np.int32) - np.int32(0x4B400000))
    scale = np.int32((bits + np.int32(126)) << np.int32(23)).view(np.float32)
    half = scale * (np.float32(1.0) + expm1_reduced(r))  # of exp(-x): 2^128 is infinite, see `expm1`
    return np.float32(1.0) / (np.float32(1.0) + (half + half))


def pow(x: np.float32, y: np.float32) -> np.float32:
    """x^y = 2^(y log2 |x|), signed for odd y; NaN for negative finite x and y not integral; edges as in C's `pow`."""
    magnitude = np.int32(np.float32(x).view(np.int32) & np.int32(0x7FFFFFFF)).view(np.float32)
    denormal = magnitude < np.float32(1.17549435e-38)
    scaled = magnitude * np.float32(8388608.0) if denormal else magnitude
    bits = np.float32(scaled).view(np.int32)
    e = np.int32(np.int32(bits - np.int32(0x3F3504F3)) >> np.int32(23))
    m = np.int32(bits - (e << np.int32(23))).view(np.float32)
    exponent = np.float32(e) - (np.float32(23.0) if denormal else np.float32(0.0))
    fraction = log1p_reduced(m - np.float32(1.0)) * np.float32(1.44269504)
    # From |y| = 2^31 on every result is 0, 1 or infinite and every y even; NaN must not reach the conversion to int.
    z = y if y > np.float32(-2147483520.0) else np.float32(-2147483520.0)
    z = z if z < np.float32(2147483520.0) else np.float32(2147483520.0)
    product = z * (exponent + fraction)
    product = np.float32(-151.0) if product < np.float32(-151.0) else product
    product = np.float32(129.0) if product > np.float32(129.0) else product
    shifted = product + np.float32(12582912.0)
    n = shifted - np.float32(12582912.0)
    # The fraction of y · log2|x| without the rounding of y · e: the upper 12 bits of y times e are exact.
    upper = np.int32(np.float32(z).view(np.int32) & np.int32(-4096)).view(np.float32)
    rest = (upper * exponent - n) + ((z - upper) * exponent + z * fraction)
    rest = np.float32(-1.0) if rest < np.float32(-1.0) else rest  # only where the product was clamped
    rest = np.float32(1.0) if rest > np.float32(1.0) else rest
    power = np.int32(np.float32(shifted).view(np.int32) - np.int32(0x4B400000))
    half = np.int32(power >> np.int32(1))
    first = np.int32((half + np.int32(127)) << np.int32(23)).view(np.float32)
    second = np.int32((power - half + np.int32(127)) << np.int32(23)).view(np.float32)
    result = (np.float32(1.0) + expm1_reduced(rest * np.float32(0.693147181))) * first * second
    # |x| = 0 or infinite: log2 is infinite too.
    infinite = np.float32(np.inf)
    end = infinite if (magnitude == np.float32(0.0)) == (y < np.float32(0.0)) else np.float32(0.0)
    result = end if (magnitude == np.float32(0.0)) | (magnitude == infinite) else result
    whole = np.int32(z)
    integral = np.float32(whole) == z
    odd = np.int32(whole & np.int32(1)) == np.int32(1)
    sign = np.int32(np.float32(x).view(np.int32) & np.int32(-2147483648)) if integral & odd else np.int32(0)
    result = np.int32(np.float32(result).view(np.int32) ^ sign).view(np.float32)
    undefined = (x < np.float32(0.0)) & (x > -infinite) & (not integral)
    result = np.float32(np.nan) if undefined | (x != x) | (y != y) else result
    return np.float32(1.0) if (y == np.float32(0.0)) | (x == np.float32(1.0)) else result
