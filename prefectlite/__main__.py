"""``python -m prefectlite``: the command line."""

from prefectlite.cli import main

if __name__ == "__main__":
    main()
