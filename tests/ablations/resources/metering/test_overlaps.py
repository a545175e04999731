"""Which calls were under way at once."""

from ablations.resources.metering.overlaps import Overlap, Overlaps


def test_calls_one_after_another_do_not_overlap() -> None:
    overlaps = Overlaps()
    with overlaps.watched() as whole:
        places = []
        for _ in range(3):
            with overlaps.entered() as place:
                places.append(place)
    assert [place.most for place in places] == [1, 1, 1]
    assert (whole.most, whole.calls) == (1, 3)


def test_each_call_knows_the_most_of_its_own_time() -> None:
    overlaps = Overlaps()
    first, second, third, fourth = (overlaps.entered() for _ in range(4))
    a = first.__enter__()
    b = second.__enter__()
    first.__exit__(None, None, None)
    with third as c:
        pass
    second.__exit__(None, None, None)
    with fourth as d:
        pass
    assert [place.most for place in (a, b, c, d)] == [2, 2, 2, 1]


def test_a_call_that_was_under_way_before_counts() -> None:
    overlaps = Overlaps()
    with overlaps.entered() as call, overlaps.watched() as later:
        assert (later.most, later.calls) == (1, 1)
    assert call.most == 1, "who only watches is no call"


def test_a_call_of_a_batch_that_is_just_beginning_is_on_no_other_server() -> None:
    server, machine = Overlaps(), Overlaps()
    with server.watched() as here, machine.watched() as there, server.entered():
        assert Overlap.of_batch(here, there).of_machine() is None
        with machine.entered(), machine.entered():
            assert Overlap.of_batch(here, there).elsewhere == 1
