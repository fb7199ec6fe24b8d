"""`python -m planner.cli` is `plan`."""

from planner.cli import main

main()
