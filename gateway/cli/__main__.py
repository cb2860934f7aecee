"""`python -m gateway.cli`: the command line where the `driftgate` script is not on the path."""

from gateway.cli.main import main

if __name__ == "__main__":
    main()
