"""`python -m blemish`: the command line where the script is not on the path."""

from blemish.cli.main import run

if __name__ == "__main__":
    run()
