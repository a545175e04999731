"""Where Ray runs, and that a variable said so."""

from cli.console import say_aside
from search.setup.address import PRIVATE, VARIABLE, check_answers, ray_address


def ray_address_of(given: str | None) -> str | None:
    """The cluster that an option or RAY_ADDRESS names, of which it is said that it is used; None for a private session.

    Raises:
        SearchError: it cannot be an address, or no cluster answers there.
    """
    address = ray_address(given)
    check_answers(address)
    say_place(given, address)
    return None if address == PRIVATE else address


def say_place(given: str | None, address: str | None) -> None:
    """Say that RAY_ADDRESS counts, if it does."""
    if given is None and address is not None:
        say_aside(f"Ray: the cluster at {address}, as {VARIABLE} says; --ray-address {PRIVATE} starts its own")
