"""Differences between curves: intervals from resamples, BD figures, pairs of points, sizes, published curves."""
