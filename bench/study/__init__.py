"""A study: the matrix that says what to measure, its points, and the records of what was measured."""
