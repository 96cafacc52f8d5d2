"""`python -m fusegrad` is the `fusegrad` command."""

from fusegrad.cli import main

main()
