"""A stretch of the histogram becomes the time of the search: by keys, mouse and finger."""

import pytest

pytestmark = pytest.mark.slow

TIME = "new URLSearchParams(location.search).get('q')"


@pytest.fixture
def chart(tab, served, fake):
    """A tab that shows a month."""
    base, link = served(fake.story_log(300))
    tab.enter(link)

    def show(q="access:read"):
        tab.open(f"{base}/?q={q}")
        return tab

    return show


def drag(tab, start, end, *, touch=False):
    tab.until("document.readyState === 'complete' && document.querySelector('.brush')")
    box = tab.js(
        "(({x, y, width, height}) => [x, y, width, height])"
        "(document.querySelector('.chart svg').getBoundingClientRect())"
    )
    y = box[1] + box[3] * 0.2
    places = [box[0] + box[2] * part for part in (start, (start + end) / 2, end)]
    if touch:
        tab.call("Emulation.setTouchEmulationEnabled", enabled=True)
        send = "Input.dispatchTouchEvent"
        for kind, x in zip(("touchStart", "touchMove", "touchMove"), places, strict=True):
            tab.call(send, type=kind, touchPoints=[{"x": x, "y": y}])
        tab.call(send, type="touchEnd", touchPoints=[])
        return
    send = "Input.dispatchMouseEvent"
    more = {"button": "left", "buttons": 1, "clickCount": 1}
    tab.call(send, type="mousePressed", x=places[0], y=y, **more)
    for x in places[1:]:
        tab.call(send, type="mouseMoved", x=x, y=y, **more)
    tab.call(send, type="mouseReleased", x=places[-1], y=y, **more)


@pytest.mark.parametrize("touch", [False, True], ids=["mouse", "finger"])
def test_dragged(chart, touch):
    tab = chart()
    drag(tab, 10.5 / 30, 12.5 / 30, touch=touch)
    tab.until(f"{TIME} === 'access:read time:[2026-11-03 TO 2026-11-05]'")
    drag(tab, 0.99, 10.5 / 30, touch=touch)
    # with a bar of the edge both times hold
    tab.until(f"{TIME}.split('time:').length === 3")
    assert tab.complaints() == []


def test_by_keys(chart):
    tab = chart()
    tab.js("document.querySelector('.brush').focus()")
    tab.key("Home")
    for _ in range(10):
        tab.key("ArrowRight")
    for _ in range(2):
        tab.key("ArrowRight", shift=True)
    said = "document.querySelector('.brush').getAttribute('aria-valuetext')"
    assert tab.js(said).startswith("2026-11-03 to 2026-11-05 UTC: ")
    tab.key("Escape")
    assert tab.js("document.querySelector('.brushed').hidden")
    tab.key("ArrowLeft", shift=True)
    tab.key("Enter")
    tab.until(f"{TIME} === 'access:read time:[2026-11-03 TO 2026-11-04]'")


def test_a_bar_that_is_only_pressed_is_a_link(chart):
    tab = chart()
    drag(tab, 11.5 / 30, 11.5 / 30 + 0.001)
    tab.until(f"{TIME} === 'access:read time:2026-11-04'")
