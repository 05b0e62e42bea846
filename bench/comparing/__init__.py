"""What records say: rates, accuracies, curves, intervals, and differences between curves."""
