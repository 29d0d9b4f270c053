"""Tails and quantiles of the binomial and of Student's t, without a library that is slow to import.

Numbers in, numbers out; within 1e-9 of scipy's, relatively, which a property test holds them to. Sums of
positive terms from the largest one on, so that a far tail is as exact as the middle.

Sources: Loader C. Fast and accurate computation of binomial probabilities (2000), for the probabilities; the
continued fraction of the incomplete beta function, NIST DLMF 8.17.22, for Student's t.
"""

from collections.abc import Callable
from math import exp, expm1, inf, lgamma, log, log1p, pi, sqrt
from statistics import NormalDist

_SMALL = 1e-17  # a term below this share of its sum adds nothing
_TINY = 1e-300
_ENOUGH = 1e-15  # of a continued fraction's last factor
_CLOSE = 1e-13  # of a root, relatively
_MOST_ROUNDS = 200  # of a root search that halves in the worst case
_HALF_LOG_TAU = log(2 * pi) / 2
_SERIES_FROM = 16  # Stirling's series is exact to a double from here on


def binomial_probability(k: int, n: int, share: float) -> float:
    """P(X = k) for X ~ Binomial(n, share); 0 where k is none of 0..n."""
    if not 0 <= k <= n:
        return 0.0
    if not 0 < share < 1:
        return float(k == (n if share >= 1 else 0))
    if k in (0, n):
        return exp(n * (log(share) if k else log1p(-share)))
    deviance = _deviance(k, n * share) + _deviance(n - k, n * (1 - share))
    scale = _stirling_error(n) - _stirling_error(k) - _stirling_error(n - k)
    return exp(scale - deviance) * sqrt(n / (2 * pi * k * (n - k)))


def binomial_at_least(k: int, n: int, share: float) -> float:
    """P(X >= k) for X ~ Binomial(n, share)."""
    if k <= 0:
        return 1.0
    if k > n:
        return 0.0
    if k <= n * share:
        return 1.0 - _sum_down(k - 1, n, share)
    return min(1.0, _sum_up(k, n, share))


def binomial_at_most(k: int, n: int, share: float) -> float:
    """P(X <= k) for X ~ Binomial(n, share)."""
    if k < 0:
        return 0.0
    if k >= n:
        return 1.0
    if k >= n * share:
        return 1.0 - _sum_up(k + 1, n, share)
    return min(1.0, _sum_down(k, n, share))


def share_at_tail(k: int, n: int, level: float) -> float:
    """The share at which P(X >= k) is `level`, 1 <= k <= n: the quantile of Beta(k, n - k + 1)."""
    if k == n:
        return exp(log(level) / n)
    if k == 1:
        return -expm1(log1p(-level) / n)

    def off(share: float) -> tuple[float, float]:
        slope = n * binomial_probability(k - 1, n - 1, share)
        if level <= 0.5:
            return binomial_at_least(k, n, share) - level, slope
        return (1 - level) - binomial_at_most(k - 1, n, share), slope

    return _root(off, 0.0, 1.0, k / (n + 1))


def t_below(df: int, t: float) -> float:
    """P(T <= t) for Student's T with `df` >= 1 degrees of freedom."""
    return _t_beyond(df, -t) if t < 0 else 1 - _t_beyond(df, t)


def t_quantile(level: float, df: int) -> float:
    """The quantile of Student's t with `df` >= 1 degrees of freedom; 0 < level < 1."""
    if level < 0.5:
        return -t_quantile_beyond(level, df)
    return t_quantile_beyond(1 - level, df)


def t_quantile_beyond(tail: float, df: int) -> float:
    """The t >= 0 with P(T > t) = `tail`, 0 < tail <= 1/2."""
    if tail == 0.5:
        return 0.0
    start = -NormalDist().inv_cdf(tail)
    high = max(2 * start, 1.0)
    while _t_beyond(df, high) > tail:
        high *= 2

    def off(t: float) -> tuple[float, float]:
        if tail > 0.25:
            return _t_inside(df, t) - (0.5 - tail), _t_density(df, t)
        beyond = _t_beyond(df, t)  # on a log scale, where a far tail is nearly straight
        return log(tail / beyond) if beyond else inf, _t_density(df, t) / beyond if beyond else 0.0

    return _root(off, 0.0, high, min(start, high))


def _root(off: Callable[[float], tuple[float, float]], low: float, high: float, start: float) -> float:
    """The zero of a rising function that tells its slope: Newton's steps, halving where one goes astray."""
    at = start
    for _ in range(_MOST_ROUNDS):
        value, slope = off(at)
        if value == 0:
            return at
        low, high = (at, high) if value < 0 else (low, at)
        step = at - value / slope if slope > 0 else -1.0
        to = step if low < step < high else (low + high) / 2
        if abs(to - at) <= _CLOSE * abs(to):
            return to
        at = to
    return at


def _sum_up(k: int, n: int, share: float) -> float:
    """P(X >= k), terms falling from k on."""
    total = term = binomial_probability(k, n, share)
    odds = share / (1 - share) if share < 1 else inf
    while k < n and term > _SMALL * total:
        term *= (n - k) / (k + 1) * odds
        k += 1
        total += term
    return total


def _sum_down(k: int, n: int, share: float) -> float:
    """P(X <= k), terms falling from k downwards."""
    total = term = binomial_probability(k, n, share)
    odds = (1 - share) / share if share > 0 else inf
    while k > 0 and term > _SMALL * total:
        term *= k / (n - k + 1) * odds
        k -= 1
        total += term
    return total


def _stirling_error(n: int) -> float:
    """log n! less Stirling's first formula for it; n >= 1."""
    if n < _SERIES_FROM:
        return lgamma(n + 1) - (n + 0.5) * log(n) + n - _HALF_LOG_TAU
    square = n * n
    return (1 / 12 - (1 / 360 - (1 / 1260 - (1 / 1680 - 1 / 1188 / square) / square) / square) / square) / n


def _deviance(k: float, mean: float) -> float:
    """k log(k / mean) + mean - k, without cancellation where the two are near each other."""
    apart = k - mean
    if abs(apart) >= 0.1 * (k + mean):
        return k * log(k / mean) + mean - k
    ratio = apart / (k + mean)
    total, power, odd = apart * ratio, 2 * k * ratio, 1
    while True:
        power *= ratio * ratio
        odd += 2
        longer = total + power / odd
        if longer == total:
            return total
        total = longer


def _t_density(df: int, t: float) -> float:
    return exp(-(df + 1) / 2 * log1p(t * t / df)) * _gamma_ratio(df / 2) / sqrt(df * pi)


def _t_beyond(df: int, t: float) -> float:
    """P(T > t) for t >= 0."""
    a, x = df / 2, df / (df + t * t)
    if x >= (a + 1) / (a + 2.5):
        return 0.5 - _t_inside(df, t)
    return _beta_front(df, t) / a * _beta_fraction(a, 0.5, x) / 2


def _t_inside(df: int, t: float) -> float:
    """P(0 < T <= t) for t >= 0."""
    a, x = df / 2, df / (df + t * t)
    if x < (a + 1) / (a + 2.5):
        return 0.5 - _t_beyond(df, t)
    return _beta_front(df, t) * _beta_fraction(0.5, a, t * t / (df + t * t))


def _beta_front(df: int, t: float) -> float:
    """x^a (1 - x)^(1/2) / B(a, 1/2) with a = df / 2 and x = df / (df + t^2)."""
    root = t / sqrt(df + t * t)
    return exp(-df / 2 * log1p(t * t / df)) * root * _gamma_ratio(df / 2) / sqrt(pi)


def _gamma_ratio(a: float) -> float:
    """Gamma(a + 1/2) / Gamma(a); the series of DLMF 5.11.13 where logarithms would lose digits."""
    if a < 40:
        return exp(lgamma(a + 0.5) - lgamma(a))
    b = 1 / a
    series = 1 - b * (1 / 8 - b * (1 / 128 + b * (5 / 1024 - b * (21 / 32768 + b * 399 / 262144))))
    return sqrt(a) * series


def _beta_fraction(a: float, b: float, x: float) -> float:
    """The incomplete beta function's continued fraction, by Lentz's method; x <= (a + 1) / (a + b + 2)."""
    c, d = 1.0, 1 / _away(1 - (a + b) * x / (a + 1))
    found, m = d, 0
    while True:
        m += 1
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        d, c = 1 / _away(1 + even * d), _away(1 + even / c)
        found *= d * c
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        d, c = 1 / _away(1 + odd * d), _away(1 + odd / c)
        found *= d * c
        if abs(d * c - 1) < _ENOUGH:
            return found


def _away(value: float) -> float:
    """The value, kept away from zero."""
    return value if abs(value) > _TINY else _TINY
