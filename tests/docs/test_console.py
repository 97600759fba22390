"""The comparison itself: it must fail where a page is wrong."""

import pytest

ONE, TWO = (f"01a200f2-cd7b-7c62-94ff-e8b2a3c00f4{last}" for last in "12")
OTHER = "01a2011e-9756-7a39-bf99-3f084c234ca7"


@pytest.mark.parametrize(
    ("said", "printed"),
    [
        ("", ""),
        ("a  b\n", "a b   \n\n"),
        ("12 of … events\n", "12 of 3,456 events\n"),
        ("…\nlast\n", "one\ntwo\nlast\n"),
        ("…\nlast\n…\n", "last\ntwo\n"),
        ("first\n…\n", "first\nsecond\nthird\n"),
        ("at 2026-11-21 09:00:00\n", "at 2027-01-02 13:14:15\n"),
        ("at 2026-11-21T09:00:00.5Z\n", "at 2027-01-02T13:14:15Z\n"),
        (f"{ONE} {ONE}\n", f"{OTHER} {OTHER}\n"),
    ],
)
def test_what_a_page_may_leave_open(console, said, printed):
    console.Expectation(said, {}).check("x", printed)


@pytest.mark.parametrize(
    ("said", "printed"),
    [
        ("", "something\n"),
        ("a\n", ""),
        ("12 of … events\n", "13 of 3,456 events\n"),
        ("12 of … events\n", "12 of 3\nevents\n"),
        ("first\n…\n", "second\nthird\n"),
        ("at 2026-11-21 09:00:00\n", "at noon\n"),
        (f"{ONE} {ONE}\n", f"{OTHER} {TWO}\n"),
        ("1.2\n", "1x2\n"),
    ],
)
def test_what_it_may_not(console, said, printed):
    with pytest.raises(AssertionError, match="not what the page says"):
        console.Expectation(said, {}).check("x", printed)


def test_an_id_stands_for_the_same_event_all_over_a_page(console):
    ids = {}
    console.Expectation(f"id {ONE}\n", ids).check("x", f"id {OTHER}\n")
    assert ids == {ONE: OTHER}
    console.Expectation(f"again {ONE}\n", ids).check("x", f"again {OTHER}\n")
    with pytest.raises(AssertionError):
        console.Expectation(f"again {ONE}\n", ids).check("x", f"again {TWO}\n")


def test_a_command_may_go_on(console):
    block = "$ cat <<E\n> a\n> E\nout\n$ ls\n> x\n"
    assert console.steps(block) == [("cat <<E\na\nE", "out\n"), ("ls\nx", "")]


def test_the_shell_keeps_variables_and_tells_the_status(shell):
    assert shell.run("x=1; echo $x") == (0, "1\n")
    assert shell.run('echo "$x"; echo no >&2; false') == (1, "1\nno\n")
