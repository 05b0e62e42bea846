"""The command line: what each command asks for, prints and returns as exit status."""
