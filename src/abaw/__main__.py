"""`python -m abaw`: the console command."""

from abaw.commands.console import main

if __name__ == "__main__":
    main()
