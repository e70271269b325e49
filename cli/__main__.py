"""`python -m cli` is `casemate`."""

from cli.main import run

if __name__ == "__main__":
    run()
