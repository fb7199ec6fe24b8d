"""Options: rewrite the golden plans, fewer random fleets."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--regold", action="store_true", help="rewrite tests/golden from what the planner finds now")
    parser.addoption("--thin", type=int, default=1, help="compare every so many of the random fleets only")


@pytest.fixture
def thin(request: pytest.FixtureRequest) -> int:
    """Every how many of the random fleets are compared; how many of them must show something is asked of all only."""
    return int(request.config.getoption("--thin"))
