"""The command line as a process of its own."""

import os
import subprocess
import sys

from given_studies import photos_matrix

MATRIX = photos_matrix('quantizers = ["none", "median-cut:colors=2..6"]\ncodecs = ["png"]')
"""The matrix of the study that the tests of commands run."""
ENVIRONMENT = {**os.environ, "COLUMNS": "120", "PYTHONWARNINGS": "default"}


def rabench(*words, cwd, **environment):
    command = [sys.executable, "-m", "rabench", *words]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, env=ENVIRONMENT | environment)
