"""Codec settings whose true losses are known, and searches of them. As a script: the table of docs/choosing.md.

An image has a difficulty and a setting harms it by chance, the more the more the setting loses: images are right
together at several settings, as real ones are.
"""

import sys

import numpy as np
from rabench.bench.choosing.choose import pilot_images
from rabench.bench.choosing.setting_search import SettingSearch
from rabench.bench.choosing.tolerance import Tolerance
from rabench.bench.statistics.intervals import wilson
from scipy.stats import norm

STEP = 1.25
"""How many times the bits of a setting the next dearer one takes."""


class SimulatedSettings:
    def __init__(self, rng, before, loss, chance, images):
        """before: accuracy of the originals. loss: what each setting loses of it. chance: the standard deviation of the
        settings' own noise, by that of the difficulty."""
        self.loss, self.rates, self.measured = loss, STEP ** -np.arange(len(loss)), np.zeros(len(loss), int)
        difficulty = rng.normal(size=images)
        right = difficulty < norm.ppf(before)
        self.lost = []
        for share, noise in zip(before - loss, chance, strict=True):
            limit = norm.ppf(share) * np.sqrt(1 + noise**2)
            after = difficulty + noise * rng.normal(size=images) < limit
            self.lost.append(right.astype(float) - after)

    def __len__(self):
        return len(self.loss)

    def losses(self, setting):
        return self.lost[setting][: self.measured[setting]]

    def bits(self, setting):
        return self.rates[setting] if self.measured[setting] else np.nan

    def measure(self, wanted):
        for setting, images in wanted.items():
            self.measured[setting] = max(self.measured[setting], images)

    def codings(self):
        return int(self.measured.sum())


def drawn_settings(rng, images, tolerance, uneven):
    """6 to 29 settings whose loss passes the tolerance somewhere along them. uneven: one or two settings lose more
    than their neighbours."""
    count, before = int(rng.integers(6, 30)), rng.uniform(0.3, 0.9)
    passes, doubling = rng.uniform(0.2, 0.9) * count, rng.uniform(0.7, 3)
    loss = np.minimum(tolerance * 2 ** ((np.arange(count) - passes) / doubling), 0.9 * before)
    for place in rng.integers(0, count, rng.integers(1, 3)) if uneven else ():
        loss[place] = min(loss[place] * rng.uniform(1.5, 6), 0.9 * before)
    chance = np.minimum(0.7, loss * rng.uniform(3, 8))
    return SimulatedSettings(rng, before, loss, chance, images)


def searched(settings, tolerance, risk=0.05):
    images = len(settings.lost[0])
    pilot = pilot_images(images)
    search = SettingSearch(settings, Tolerance(tolerance, images - pilot), risk, pilot)
    for wanted in search.steps():
        settings.measure(wanted)
    return search


def summed(images, tolerance, studies, seed=0):
    """A line of the table: how often the setting chosen loses too much, and what it takes over the best."""
    wrong, excess, codings, nothing = 0, [], [], 0
    for number in range(studies):
        settings = drawn_settings(np.random.default_rng([seed, number]), images, tolerance, uneven=number % 3 == 0)
        search = searched(settings, tolerance)
        codings.append(settings.codings() / (len(settings) * images))
        best = settings.rates[settings.loss <= tolerance].min(initial=np.inf)
        if search.chosen is None:
            nothing += 1
        elif settings.loss[search.chosen.setting] > tolerance:
            wrong += 1
        else:
            excess.append(settings.rates[search.chosen.setting] / best - 1)
    return wrong, excess, codings, nothing


CASES = (
    (0.02, 10_000),
    (0.02, 50_000),
    (0.01, 10_000),
    (0.01, 50_000),
    (0.005, 50_000),
    (0.005, 200_000),
    (0.002, 200_000),
)


def main(studies=300):
    print("| tolerance | images | loses too much | excess bits, median | mean | codings of the grid | nothing chosen |")
    print("| ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    total, count, every = 0, 0, []
    for tolerance, images in CASES:
        wrong, excess, codings, nothing = summed(images, tolerance, studies)
        total, count, every = total + wrong, count + studies, every + excess
        cells = (
            f"{100 * tolerance:g} points",
            f"{images:,}",
            f"{wrong} of {studies}",
            f"{100 * np.median(excess):.0f} %",
            f"{100 * np.mean(excess):.0f} %",
            f"{100 * np.mean(codings):.0f} %",
            f"{nothing}",
        )
        print(f"| {' | '.join(cells)} |", flush=True)
    low, high = wilson(total, count)
    print(
        f"\n{total} of {count}: {100 * total / count:.2f} % [{100 * low:.2f}, {100 * high:.2f}]; median {np.median(every):.3f}"
    )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
