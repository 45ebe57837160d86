"""`python -m jali` is `jali`."""

from jali.commands import main

if __name__ == "__main__":
    main()
