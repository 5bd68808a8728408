"""`python -m nas_lib.cli` is `nas`."""

from nas_lib.cli import main

main()
