"""What records say: rates, accuracies and fidelity of points, their curves, and groups of them."""
