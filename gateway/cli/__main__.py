"""`python -m gateway.cli` is the command passerelle."""

from gateway.cli.main import main

main()
