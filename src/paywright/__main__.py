"""`python -m paywright` is the `paywright` command."""

from paywright.cli.main import main

if __name__ == "__main__":
    main()
