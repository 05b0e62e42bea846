"""Figures and their intervals from plain arrays: shares, pairs, Pareto fronts, distances between curves. Knows no records."""
