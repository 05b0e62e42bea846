"""What carries an image from a data set to a row, a curve and a report."""
