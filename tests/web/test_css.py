"""The style sheet: enough contrast in both schemes, nothing from elsewhere."""

import re
from pathlib import Path

import pytest

import whodid.web

SHEETS = {
    file.name: file.read_text()
    for file in (Path(whodid.web.__file__).parent / "static").glob("*.css")
}
SHEET = SHEETS["whodid.css"]
LIGHT, DARK = (
    dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", block))
    for block in re.findall(r":root \{(.*?)\}", SHEET, re.DOTALL)
)


def luminance(colour):
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("ink", ["ink", "muted", "link", "ok", "bad", "warn"])
@pytest.mark.parametrize("ground", ["paper", "surface", "sunk"])
def test_text_has_contrast_aa(scheme, ink, ground):
    assert contrast(scheme[ink], scheme[ground]) >= 4.5


@pytest.mark.parametrize("scheme", [LIGHT, DARK], ids=["light", "dark"])
def test_buttons_and_edges_of_inputs(scheme):
    assert contrast(scheme["button-ink"], scheme["button"]) >= 4.5
    assert contrast(scheme["muted"], scheme["surface"]) >= 3


@pytest.mark.parametrize("name", SHEETS)
def test_nothing_is_loaded(name):
    sheet = SHEETS[name]
    assert "url(" not in sheet
    assert "@import" not in sheet
    assert sheet.count("{") == sheet.count("}")


@pytest.mark.parametrize("name", sorted(SHEETS.keys() - {"whodid.css"}))
def test_colours_are_named_in_one_place(name):
    assert not re.search("#[0-9a-f]{3,8}\\b", SHEETS[name])
