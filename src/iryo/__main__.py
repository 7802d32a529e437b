"""`python -m iryo` is the program `iryo`."""

from iryo.cli import main

if __name__ == "__main__":
    main()
