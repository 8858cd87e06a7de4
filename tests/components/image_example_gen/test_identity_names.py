"""Names of identities that may be one identity, or none, are named; sources read the same text as one name."""

import json

import pytest

from components.image_example_gen.identity_names import notes_on_identities
from components.image_example_gen.settings import IngestSettings
from components.image_example_gen.sources.address import open_source

COMPOSED, DECOMPOSED = "Jos\u00e9", "Jose\u0301"


@pytest.mark.parametrize(
    "names",
    [
        ["ann", "Ann"],
        ["1", "01"],
        ["1", "1.0"],
        ["p_7", "p_007", "P 7"],
        ["ann  b", "ann b", "ann_b"],
        ["\uff21nn", "Ann"],
        ["STRASSE", "stra\u00dfe"],
        ["g/ann", "g/ANN"],
        ["ann-lee", "ann_lee", "ann lee"],
        ["ann \u2013 lee", "Ann-Lee"],
        ["ann.lee", "ann lee"],
        ["J. Doe", "J Doe"],
        ["1", "1,0"],
        ["3,00", "3.00"],
    ],
)
def test_names_that_may_be_one_identity(names):
    (note,) = notes_on_identities([*names, "bob", "10", "100", "1.5"])
    assert note == (
        "taken as different identities, though they may be the same: " + " and ".join(map(repr, sorted(names)))
    )


@pytest.mark.parametrize(
    "other",
    [
        "Pa\u200bul", "Pa\u00adul", "Paul\ufeff", "\u202ePaul", "Paul\ufe0f", "Pau\u034fl", "Paul\u3164", "\u2060Paul",
        "P\u0430ul", "\u0420aul", "\u03a1aul", "\u200e\u0420aul",
    ],
)  # fmt: skip
def test_names_that_look_the_same_are_shown_with_escapes(other):
    (note,) = notes_on_identities(["Paul", other, "Pauli", "Saul"])
    assert note.partition(": ")[2] in (f"'Paul' and {other!a}", f"{other!a} and 'Paul'")


def test_names_that_differ_in_a_quote_alone():
    (note,) = notes_on_identities(["O'Brien", "O\u2019Brien", "OBrien"])
    assert note.endswith("\"O'Brien\" and 'O\\u2019Brien'")


@pytest.mark.parametrize(
    "name",
    [
        "#N/A", "<NA>", "undefined", "-", "--", "...", "_", "others", "Other", "<unk>", "n.a.", "no label", "No_Name",
        "-999", "-1.0", "Unbekannt", "g/(none)", "[missing]", "NU\u200bLL", "\u200b",
    ],
)  # fmt: skip
def test_more_names_that_may_mean_none(name):
    assert [ascii(name) in note or repr(name) in note for note in notes_on_identities(["ann", name])] == [True]


@pytest.mark.parametrize("name", ["NA", "n/a", "null", "None", "unknown", "-1", "?", "group/NaN"])
def test_names_that_may_mean_none(name):
    assert [repr(name) in note for note in notes_on_identities(["ann", name])] == [True]


@pytest.mark.parametrize(
    "names",
    [
        [],
        ["ann", "bob"],
        ["1", "10", "100"],
        ["0", "00x"],
        ["a-1", "a1", "1.5", "15"],
        ["-1a", "1a"],
        ["1,000", "1"],
        ["Nana", "Anon1", "a/na1"],
        ["1.5", "1 5"],
        ["mother", "brothers"],
        ["\U0001f600", "\u4e2d"],
        ["-5", "5"],
    ],
)
def test_ordinary_names(names):
    assert list(notes_on_identities(names)) == []


def test_many_are_counted():
    (note,) = notes_on_identities([letter + end for letter in "abcde" for end in ("x", "X")])
    assert note.endswith("'cX' and 'cx'; 2 more")


def images(folder, *paths):
    for number, path in enumerate(paths):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(b"%d" % number)
    return folder


def test_one_identity_in_two_normal_forms_of_unicode(tmp_path):
    folder = images(tmp_path / "x", f"{COMPOSED}/1.png", f"{DECOMPOSED}/2.png", f"{DECOMPOSED}/{DECOMPOSED}.png")
    found = open_source(str(folder), IngestSettings()).source.list().found
    assert [(one.identity, one.identity_images) for one in found] == [(COMPOSED, 3)] * 3
    assert {one.image_id for one in found} == {
        f"{DECOMPOSED}/2.png",
        f"{DECOMPOSED}/{DECOMPOSED}.png",
        f"{COMPOSED}/1.png",
    }
    rows = [
        {"path": f"{COMPOSED}/1.png", "identity": COMPOSED},
        {"path": f"{COMPOSED}/{COMPOSED}.png", "identity": DECOMPOSED},
    ]
    (tmp_path / "x/list.jsonl").write_text("\n".join(map(json.dumps, rows)), "utf-8")
    listing = open_source(str(tmp_path / "x/list.jsonl"), IngestSettings()).source
    assert [(one.identity, one.identity_images) for one in listing.list().found] == [(COMPOSED, 2)] * 2
