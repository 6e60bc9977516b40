"""`python -m abaw` is the console command `abaw`."""

from abaw.commands.console import main

main()
