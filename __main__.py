"""`python -m rabench`."""

from .bench.commands.cli import main

if __name__ == "__main__":
    main()
