"""Lists of pairs in three forms, and each mistake with its line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.pair_list.parsing import ListedPair, parse_pairs
from components.pair_list.resolving import ImageNames, named_images
from models.errors import UserError


def fault(text: str | bytes, name: str = "pairs.txt") -> str:
    with pytest.raises(UserError) as caught:
        parse_pairs(name, text.encode() if isinstance(text, str) else text)
    return str(caught.value)


def test_lines_of_two_paths_and_a_label():
    assert parse_pairs("mine", b"a/1.png b/2.png 0\n\na/1.png\ta/2 3.png\t1\n") == [
        ListedPair(1, "a/1.png", "b/2.png", 0),
        ListedPair(3, "a/1.png", "a/2 3.png", 1),
    ]


def test_the_label_may_come_first():
    assert parse_pairs("veri_test.txt", b"1 id1/a.png id1/b.png\n0 id1/a.png id2/c.png\n") == [
        ListedPair(1, "id1/a.png", "id1/b.png", 1),
        ListedPair(2, "id1/a.png", "id2/c.png", 0),
    ]


@pytest.mark.parametrize("head", ["10\t300\n", "1100\n", ""])
def test_lfws_form(head):
    text = head + "Abel_Pacheco\t1\t4\nAkbar Al\t2\tJo\t10\n"
    first = 2 if head else 1
    assert parse_pairs("pairs.txt", text.encode()) == [
        ListedPair(first, "Abel_Pacheco/Abel_Pacheco_0001", "Abel_Pacheco/Abel_Pacheco_0004", 1),
        ListedPair(first + 1, "Akbar Al/Akbar Al_0002", "Jo/Jo_0010", 0),
    ]


def test_csv_is_told_by_its_name_or_by_its_first_line():
    text = b"same,image_a,image_b\n1,a b.png,c.png\n"
    assert parse_pairs("x.csv", text) == parse_pairs("x.txt", text) == [ListedPair(2, "a b.png", "c.png", 1)]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a b 2\n", "line 1: 'a b 2' must be 'image_a image_b 1' (or 0), or LFW's"),
        ("a b 1\na b\n", "line 2: 'a b' must be"),
        ("a 1 b x\n", "line 1"),
        ("a b 1\nb a 1\n", "line 2: 'b' and 'a' are a pair in line 1 already"),
        ("a b 1\nb a 0\n", "in line 1 already, and says the contrary"),
        ("a a 1\n", "line 1: 'a' is paired with itself"),
        ("ann 1 1\n", "is paired with itself"),
        ("10 300\n", "holds no pairs"),
        ("", "holds no pairs"),
        (b"a b 1\n\xff b 0\n", "line 2: not UTF-8"),
    ],
)
def test_a_mistake_is_named_with_its_line(text, said):
    told = fault(text)
    assert said in told
    assert "\n" not in told


def test_what_is_listed_twice_may_be_asked_of_a_model():
    text = b"a a 1\na b 0\nb a 0\n"
    assert len(parse_pairs("pairs.txt", text, distinct=False)) == 3


def test_many_mistakes_are_told_at_once():
    told = fault("a b\n" * 30).splitlines()
    assert told[0] == "pairs.txt: 30 mistakes"
    assert told[-1].strip() == "and 20 more"


PATHS = st.text(st.characters(exclude_categories=("Cs", "C", "Z")), min_size=1).filter(
    lambda text: not text.isdecimal()
)


@given(st.lists(st.tuples(PATHS, PATHS, st.integers(0, 1)), min_size=1, unique_by=lambda pair: frozenset(pair[:2])))
def test_what_is_written_is_read(pairs):
    pairs = [pair for pair in pairs if pair[0] != pair[1]] or [("a", "b", 1)]
    text = "".join(f"{a}\t{b}\t{same}\n" for a, b, same in pairs)
    read = parse_pairs("pairs", text.encode())
    assert [(pair.a, pair.b, pair.same) for pair in read] == [(a.strip(), b.strip(), same) for a, b, same in pairs]


def test_images_are_found_with_and_without_their_ending():
    images = ImageNames(["ann/ann_0001.jpg", "bob/1.png"])
    pairs = parse_pairs("l", b"ann/ann_0001\tbob/1.png\t0\n")
    assert named_images("l", pairs, images) == ["ann/ann_0001.jpg", "bob/1.png"]
    with pytest.raises(UserError, match=r"l line 1: no image 'bob/2.pgn'; did you mean 'bob/1.png'\?"):
        named_images("l", parse_pairs("l", b"ann/ann_0001 bob/2.pgn 0"), images)
