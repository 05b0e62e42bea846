"""Studies whose truth is known, and how often intervals hold it. As a script: the tables of docs/coverage.md.

An image has a difficulty, a point a limit and a bit of chance: images are right together at several points, as real
ones are, and each point's expected accuracy is known.
"""

from dataclasses import dataclass

import numpy as np
from rabench.bench.comparing.bootstrap import PairedImages, estimate, resample
from rabench.bench.statistics.bjontegaard import bd_accuracy, bd_rate, curve_samples
from rabench.bench.statistics.crossed import crossed, crossed_difference
from rabench.bench.statistics.intervals import paired, wilson
from scipy.special import expit
from scipy.stats import norm

CHANCE = 0.7
"""Standard deviation of a point's own noise, by that of the difficulty."""


def synthetic(rng, n, shares, bits):
    """n images at points of these expected accuracies and mean file sizes."""
    noise = CHANCE * rng.normal(size=(n, len(shares)))
    limit = norm.ppf(shares) * np.sqrt(1 + CHANCE**2)
    right = (rng.normal(size=(n, 1)) + noise < limit).astype(float)
    sizes = np.asarray(bits) * rng.lognormal(0, 0.3, (n, 1))
    return PairedImages(np.arange(n), sizes / 8, right, np.full(n, 64.0 * 64))


@dataclass(frozen=True)
class Coverage:
    """Of 95 % intervals over many studies."""

    held: float
    """Share that held the truth."""
    silent: float
    """Share of studies in which nothing was said."""
    discordant: float
    """Discordant images of two points, the mean."""


def _summed(said, truth, flips):
    spoken = [(low, high) for low, high in said if np.isfinite(low)]
    held = np.mean([low <= truth <= high for low, high in spoken]) if spoken and np.isfinite(truth) else np.nan
    return Coverage(float(held), 1 - len(spoken) / len(said), float(np.mean(flips)))


def of_accuracy(share, images, studies, seed=0):
    counts = np.random.default_rng(seed).binomial(images, share, studies)
    return _summed([wilson(int(c), images) for c in counts], share, [0])


def of_difference(shares, images, studies, seed=0):
    rng, said, flips = np.random.default_rng(seed), [], []
    for _ in range(studies):
        table = synthetic(rng, images, shares, [1000, 1000])
        found = paired(table.images, *table.score.T.astype(bool))
        said.append(found.interval)
        flips.append(len(found.gained) + len(found.lost))
    return _summed(said, shares[0] - shares[1], flips)


def of_bd(anchor, test, images, studies, count=2000, figure=bd_accuracy, seed=0):
    """anchor, test: (mean bits, expected accuracies), low rates first."""
    rng, said, flips = np.random.default_rng(seed), [], []
    (rates, shares), (other_rates, other_shares) = anchor, test
    n = len(shares)
    truth = float(
        figure(*(curve_samples((np.array([r], float), np.array([s], float))) for r, s in (anchor, test))).value[0]
    )
    for _ in range(studies):
        table = synthetic(rng, images, [*shares, *other_shares], [*rates, *other_rates])
        each = resample(table, count, seed=int(rng.integers(1 << 30)))
        here, there = (
            ((r[:, :n], a[:, :n]) for r, a in (table.whole, each)),
            ((r[:, n:], a[:, n:]) for r, a in (table.whole, each)),
        )
        (a_whole, a_each), (t_whole, t_each) = map(curve_samples, here), map(curve_samples, there)
        found = estimate(figure(a_whole, t_whole), figure(a_each, t_each))
        said.append((found.low, found.high))
        flips.append(np.sum(table.score[:, n // 2] != table.score[:, n + n // 2]))
    return _summed(said, truth, flips)


BITS = np.array([2000, 4000, 8000, 16000])
CURVES = {
    "rising, test 1 to 4 points above": (([0.30, 0.42, 0.52, 0.60]), ([0.34, 0.45, 0.54, 0.61]), 0.9),
    "rising, equal": (([0.30, 0.42, 0.52, 0.60]), ([0.30, 0.42, 0.52, 0.60]), 1.0),
    "low accuracies": (([0.20, 0.25, 0.30, 0.34]), ([0.22, 0.28, 0.31, 0.35]), 0.9),
    "high accuracies": (([0.60, 0.70, 0.76, 0.80]), ([0.63, 0.71, 0.77, 0.80]), 0.9),
    "both level at the end": (([0.40, 0.55, 0.60, 0.60]), ([0.45, 0.57, 0.60, 0.60]), 0.9),
    "both flat": (([0.60, 0.60, 0.60, 0.60]), ([0.60, 0.60, 0.60, 0.60]), 0.9),
}


DIFFICULTY = 3.0
"""Standard deviation of an image's difficulty on the scale of logits, so that most images are always right or always wrong."""


def trained(rng, seeds, images, logit, spread):
    """Whether networks of some seeds are right on images of these difficulties, (seeds, images).

    spread: the standard deviation of a seed's own strength on the scale of logits.
    """
    chance = expit(logit + images + spread * rng.standard_normal((seeds, 1)))
    return (rng.random(chance.shape) < chance).astype(float)


def expected(logit, spread):
    """The accuracy over all seeds and images, and the standard deviation of a seed's."""
    rng = np.random.default_rng(1)
    images, strengths = DIFFICULTY * rng.standard_normal(4000), spread * rng.standard_normal(400)
    of_seeds = expit(logit + images[None] + strengths[:, None]).mean(1)
    exact = expit(logit + np.hypot(DIFFICULTY, spread) * norm.ppf((np.arange(100_000) + 0.5) / 100_000)).mean()
    return float(exact), float(of_seeds.std())


def of_seeds(seeds, images, spread, studies, seed=0):
    """How often the intervals over seeds and images hold an accuracy, and a difference of two."""
    rng, means, differences = np.random.default_rng(seed), [], []
    for _ in range(studies):
        difficulties = DIFFICULTY * rng.standard_normal(images)
        anchor, test = (trained(rng, seeds, difficulties, logit, spread) for logit in (1.0, 1.2))
        means.append(crossed(anchor))
        differences.append(crossed_difference(test, anchor))
    low, high = expected(1.0, spread)[0], expected(1.2, spread)[0]
    said = [[(m.low, m.high) for m in found] for found in (means, differences)]
    return _summed(said[0], low, [0]), _summed(said[1], high - low, [0])


def _line(name, found, *more):
    return (
        f"| {name} | {' | '.join(more)}{' | ' if more else ''}{100 * found.held:.1f} % | {100 * found.silent:.1f} % |"
    )


def main(studies=2000):
    print("| accuracy | images | 95 % intervals that hold it | nothing said |\n| ---: | ---: | ---: | ---: |")
    for images in (100, 1000, 10_000):
        for share in (0.02, 0.2, 0.5, 0.8, 0.98):
            print(_line(f"{100 * share:.0f} %", of_accuracy(share, images, studies), f"{images:,}"))
    print("\n| accuracies | images | discordant images | 95 % intervals that hold the difference | nothing said |")
    print("| ---: | ---: | ---: | ---: | ---: |")
    for images in (20, 100, 1000):
        for shares in ((0.2, 0.25), (0.5, 0.5), (0.5, 0.55), (0.75, 0.8), (0.97, 0.98)):
            found = of_difference(shares, images, studies)
            names = " and ".join(f"{100 * s:.0f}" for s in shares)
            print(_line(f"{names} %", found, f"{images:,}", f"{found.discordant:.0f}"))
    for title, figure in (("BD-accuracy", bd_accuracy), ("BD-rate", bd_rate)):
        print(f"\n| curves | images | discordant images | 95 % intervals that hold {title} | nothing said |")
        print("| :--- | ---: | ---: | ---: | ---: |")
        for images in (200, 1000):
            for name, (anchor, test, bits) in CURVES.items():
                found = of_bd((BITS, anchor), (bits * BITS, test), images, studies, count=1000, figure=figure)
                print(_line(name, found, f"{images:,}", f"{found.discordant:.0f}"), flush=True)
    print("\n| seeds | images | deviation of a seed's accuracy | hold the accuracy | hold the difference |")
    print("| ---: | ---: | ---: | ---: | ---: |")
    for seeds in (2, 3, 5, 10):
        for images in (1000, 5000):
            for spread in (0.0, 0.03, 0.06, 0.12):
                mean, difference = of_seeds(seeds, images, spread, studies)
                deviation = f"{100 * expected(1.0, spread)[1]:.2f} points"
                print(
                    f"| {seeds} | {images:,} | {deviation} | {100 * mean.held:.1f} % | {100 * difference.held:.1f} % |"
                )


if __name__ == "__main__":
    main()
