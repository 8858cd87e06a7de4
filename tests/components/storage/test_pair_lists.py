"""Lists of pairs in three forms, each error with its line, and the images that their names stand for."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.storage import pair_lists
from components.storage.pair_lists import ImagesOnDisk, KnownImages, LabelledPair, parse_pairs, repeated, resolve
from models.errors import UserError


def error_of(text: str | bytes, name: str = "pairs.txt") -> UserError:
    with pytest.raises(UserError) as caught:
        parse_pairs(name, text.encode() if isinstance(text, str) else text)
    return caught.value


def test_lines_of_two_paths_and_a_label():
    assert parse_pairs("mine", b"a/1.png b/2.png 0\n\na/1.png\ta/2 3.png\t1\n") == [
        LabelledPair(1, "a/1.png", "b/2.png", 0),
        LabelledPair(3, "a/1.png", "a/2 3.png", 1),
    ]


def test_the_label_may_come_first():
    assert parse_pairs("veri_test.txt", b"1 id1/a.png id1/b.png\n0 id1/a.png id2/c.png\n") == [
        LabelledPair(1, "id1/a.png", "id1/b.png", 1),
        LabelledPair(2, "id1/a.png", "id2/c.png", 0),
    ]


@pytest.mark.parametrize("head", ["10\t300\n", "1100\n", ""])
def test_lfws_form(head):
    text = head + "Abel_Pacheco\t1\t4\nAkbar Al\t2\tJo\t10\n"
    first = 2 if head else 1
    assert parse_pairs("pairs.txt", text.encode()) == [
        LabelledPair(first, "Abel_Pacheco/Abel_Pacheco_0001", "Abel_Pacheco/Abel_Pacheco_0004", 1),
        LabelledPair(first + 1, "Akbar Al/Akbar Al_0002", "Jo/Jo_0010", 0),
    ]


@pytest.mark.parametrize(
    ("text", "pairs"),
    [
        ("1001 1002 1\n1001.png 2001.png 0\n", [("1001", "1002", 1), ("1001.png", "2001.png", 0)]),
        ("a b 1\n1001 1002 0\n", [("a", "b", 1), ("1001", "1002", 0)]),
        ("1 1001 1002\n0 1001 x\n", [("1001", "1002", 1), ("1001", "x", 0)]),
        (
            "2\n1001 1 2\n1001 1 1002 2\n",
            [("1001/1001_0001", "1001/1001_0002", 1), ("1001/1001_0001", "1002/1002_0002", 0)],
        ),
    ],
)
def test_the_form_follows_from_all_lines_so_that_numbered_images_are_paths(text, pairs):
    assert [pair[1:] for pair in parse_pairs("pairs.txt", text.encode())] == pairs


@pytest.mark.parametrize(
    "text",
    [
        "1 5 0\n0 6 1\n",
        "0 7 1",
        "1\t5\t1\n0\t9\t+1\n",
        "\nyes b no\n",
        "-1 0 1\n1 1 1",
        "0 5 2\n1 6 3\n",
        "match x 0.0",
    ],
)
def test_a_list_that_two_forms_fit_with_different_labels_needs_a_first_line(text):
    with pytest.raises(
        UserError, match=r"line \d: the label of .* write 'image_a image_b same' or 'same image"
    ) as caught:
        parse_pairs("x", text.encode())
    assert caught.value.code == "data-pair-list"


def test_a_first_line_says_where_the_label_is():
    text = b"1 5 0\n0 6 1\n"
    assert parse_pairs("x", b"image_a image_b same\n" + text) == [(2, "1", "5", 0), (3, "0", "6", 1)]
    assert parse_pairs("x", b"Same image_a image_b\n" + text) == [(2, "5", "0", 1), (3, "6", "1", 0)]
    assert parse_pairs("x", b"same\timage_a\timage_b\n" + text.replace(b" ", b"\t")) == [
        (2, "5", "0", 1),
        (3, "6", "1", 0),
    ]
    assert parse_pairs("x", text + b"1 5 7\n")[0] == (1, "5", "0", 1)  # a line that only one form fits
    assert parse_pairs("x", b"1 5 1\n0 6 0\n") == [(1, "1", "5", 1), (2, "0", "6", 0)]  # the same either way


def test_csv_is_known_by_its_name_or_by_its_first_line():
    text = b"same,image_a,image_b\n1,a b.png,c.png\n"
    assert parse_pairs("x.csv", text) == parse_pairs("x.txt", text) == [LabelledPair(2, "a b.png", "c.png", 1)]


@pytest.mark.parametrize("separator", [",", ", ", ";", "; ", "\t", "|"])
@pytest.mark.parametrize("name", ["pairs.csv", "pairs.tsv"])
def test_any_separator_of_a_csv(name, separator):
    lines = [["image_a", "image_b", "same", "note"], ["a 1.png", '"b, ""2"".png"', "1", ""], ["c", "d", "0", "x"]]
    text = "\r\n".join(separator.join(line) for line in lines)
    assert [pair[1:] for pair in parse_pairs(name, text.encode())] == [("a 1.png", 'b, "2".png', 1), ("c", "d", 0)]


@pytest.mark.parametrize(
    ("text", "pairs"),
    [
        ("\ufeffIMAGE_A; Image_B ;Same\r\na; b ;TRUE\r\n ; ; \r\nc;d;different\r\n", [("a", "b", 1), ("c", "d", 0)]),
        ("image_a image_b same\na b same\nc d False\n", [("a", "b", 1), ("c", "d", 0)]),
        ("a b +1\rc d -1\r", [("a", "b", 1), ("c", "d", 0)]),
        ("genuine a b\nimpostor c d\n", [("a", "b", 1), ("c", "d", 0)]),
        ("\ufeff日本\tb c\tyes\r\n\r\nc\td\tno", [("日本", "b c", 1), ("c", "d", 0)]),
    ],
)
def test_labels_headers_and_line_ends_as_programs_write_them(text, pairs):
    assert [pair[1:] for pair in parse_pairs("list", text.encode())] == pairs


@pytest.mark.parametrize(
    ("text", "key_fact"),
    [
        ("image_a,Image_A,image_b,same\na,b,c,1\n", "the column image_a appears twice"),
        ("1001 1002\n1 2 1\n", "line 1: '1001 1002' must be"),
        ("5\nann 0 2\n", "line 2: 'ann 0 2' must be"),
        ("a b maybe\n", "line 1: 'a b maybe' must be"),
        ("# mine\na b 1\n", "line 1: '# mine' must be"),
        ("a b 1\n1001 1002 7\n", "line 2: '1001 1002 7' must be"),
        ("\tb\t1\n", "line 1:"),
        ("a b 2\n", "line 1: 'a b 2' must be"),
        ("a b 1\na b\n", "line 2: 'a b' must be"),
        ("a 1 b x\n", "line 1:"),
        ("a,b,1\n", "line 1:"),
        ("1001 1002\na b 1\n", "line 2: 'a b 1'"),
        ("a b 1\nb a 1\n", "line 2: 'b' and 'a' are a pair in line 1"),
        ("a b 1\nb a 0\n", "with the other label"),
        ("a a 1\n", "line 1: 'a' is paired with itself"),
        ("1\nann 1 1\n", "line 2: 'ann/ann_0001' is paired with itself"),
        ("image_a,same\na,1\n", "image_b"),
        ("image_a,image_b,same\na,b,1,c\n", "line 2: 4 fields, but 3 columns"),
        ("image_a,image_b,same\n\na,,1\n", "line 3: 'a,,1'"),
    ],
)
def test_an_error_is_named_with_its_line(text, key_fact):
    error = error_of(text)
    assert error.code == "data-pair-list"
    assert key_fact in error.message
    assert "\n" not in error.message


@pytest.mark.parametrize("name", ["pairs.csv", "pairs.txt"])
@pytest.mark.parametrize("line", ["a.png,b.png,1", "a 1.png, b.png, 0", "1;a.png;b.png", "a|b|-1", "x,1.png,1"])
def test_commas_without_a_header_are_no_form_of_a_list(name, line):
    assert error_of(f"{line}\n", name).message == (
        f"{name} line 1: separated by commas or the like, but without a header; write image_a,image_b,same above"
    )


def test_tabs_need_no_header():
    assert parse_pairs("pairs.tsv", b"a, b.png\tc|d.png\t1\n") == [LabelledPair(1, "a, b.png", "c|d.png", 1)]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig"])
def test_a_list_of_excel(encoding):
    text = "image_a\timage_b\tsame\r\né 1.png\tb\t1\r\n"
    assert parse_pairs("pairs.txt", text.encode(encoding)) == [LabelledPair(2, "é 1.png", "b", 1)]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("10 300\n", "data-pair-list-empty"),
        ("", "data-pair-list-empty"),
        ("image_a,image_b,same\n", "data-pair-list-empty"),
        (b"a b 1\n\xff b 0\n", "data-not-utf8"),
        ('image_a,image_b,same\n"a"b,c,1\n', "data-not-csv"),
    ],
)
def test_a_file_that_holds_no_list(text, code):
    assert error_of(text).code == code


def test_pairs_may_repeat_where_they_need_not_be_distinct():
    text = b"a a 1\na b 0\nb a 0\n"
    assert len(parse_pairs("pairs.txt", text, distinct=False)) == 3


def test_many_errors_are_reported_together():
    lines = error_of("a b\n" * 30).message.splitlines()
    assert lines[0] == "pairs.txt: 30 errors"
    assert lines[-1].strip() == "and 20 more"


PATHS = st.text(st.characters(exclude_categories=("Cs", "C", "Z")), min_size=1)


@given(st.lists(st.tuples(PATHS, PATHS, st.integers(0, 1)), min_size=1, unique_by=lambda pair: frozenset(pair[:2])))
def test_what_is_written_is_read(pairs):
    pairs = [pair for pair in pairs if pair[0] != pair[1]] or [("a", "b", 1)]
    head = "image_a image_b same\n" if all(a.lower() in pair_lists._LABELS for a, _, _ in pairs) else ""  # 0 a 1
    text = head + "".join(f"{a}\t{b}\t{same}\n" for a, b, same in pairs)
    read = parse_pairs("pairs", text.encode())
    assert [(pair.a, pair.b, pair.same) for pair in read] == [(a.strip(), b.strip(), same) for a, b, same in pairs]


IDS = ["ann/ann_0001.jpg", "bob/1.png", "J.K._Rowling/J.K._Rowling_0001.pgm"]


def known(_: Path) -> KnownImages:
    return KnownImages(IDS)


def on_disk(root: Path) -> ImagesOnDisk:
    for image_id in [*IDS, "ann/ann_0001.json", "ann/ann_0001.txt"]:
        (root / image_id).parent.mkdir(exist_ok=True)
        (root / image_id).write_bytes(b"{}")
    return ImagesOnDisk(root)


@pytest.mark.parametrize("images", [known, on_disk])
def test_images_are_found_with_and_without_their_ending(images, tmp_path):
    pairs = parse_pairs("l", b"ann/ann_0001\tbob/1.png\t0\nJ.K._Rowling/J.K._Rowling_0001\tbob/1\t0\n")
    assert resolve("l", pairs, images(tmp_path)) == {
        "ann/ann_0001": "ann/ann_0001.jpg",
        "bob/1.png": "bob/1.png",
        "J.K._Rowling/J.K._Rowling_0001": "J.K._Rowling/J.K._Rowling_0001.pgm",
        "bob/1": "bob/1.png",
    }


def test_a_name_that_several_images_have_is_an_error_and_no_guess(tmp_path):
    for name in ("1.png", "1.jpg", "1.txt"):
        (tmp_path / name).write_bytes(b"x")
    for images in (ImagesOnDisk(tmp_path), KnownImages(["1.jpg", "1.png"], ["1.txt"])):
        with pytest.raises(UserError, match=r"^l line 1: '1' may be '1.jpg' or '1.png'; write it with its ending"):
            resolve("l", parse_pairs("l", b"1 1.png 1\n"), images)
    assert KnownImages(["a.png"], ["a.txt", "b.json"]).find("a") == "a.png"
    assert KnownImages(["a.png"], ["a.txt", "b.json"]).find("b") == "b.json"


@pytest.mark.parametrize("images", [known, on_disk])
def test_dots_slashes_and_normal_forms_make_no_other_image(images, tmp_path):
    composed, decomposed = "bob/\u00e9", "bob/e\u0301"
    IDS.append(f"{decomposed}.png")
    try:
        found = images(tmp_path)
    finally:
        IDS.pop()
    for name in ("./bob/1.png", "bob//1.png", "bob/./1"):
        assert found.find(name) == "bob/1.png"
    for name in (composed, decomposed, f"{composed}.png", f"{decomposed}.png"):
        assert found.find(name) == f"{decomposed}.png"


@pytest.mark.parametrize(
    ("text", "key_fact"),
    [
        (b"ann/ann_0001 bob/1 1\nbob/1.png ./ann/ann_0001.jpg 0\n", "line 2: .* line 1 already, with the other label"),
        (b"bob/1 bob/1.png 0\n", "line 1: .* are one image, but same is 0"),
        (b"bob\\1.png ann/ann_0001 0\n", "line 1: .*; write / between folders"),
    ],
)
@pytest.mark.parametrize("images", [known, on_disk])
def test_labels_that_contradict_each_other_by_whatever_name(images, text, key_fact, tmp_path):
    with pytest.raises(UserError, match=key_fact):
        resolve("l", parse_pairs("l", text, distinct=False), images(tmp_path))


def test_repeated_pairs_are_counted():
    pairs = parse_pairs("l", b"bob/1 ./bob/1.png 1\nann/ann_0001 bob/1 0\nbob/1 ann/ann_0001.jpg 0\n", distinct=False)
    assert repeated(pairs, resolve("l", pairs, KnownImages(IDS))) == (1, 1)


@pytest.mark.parametrize("images", [known, on_disk])
@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("bob/1.pgn", "; did you mean 'bob/1.png'?"),
        ("bob/[1]", None),
        ("no/such/folder/1.png", None),
        ("x" * 5000, None),
        ("a\0b", None),
        ("..", None),
    ],
)
def test_a_name_without_an_image_is_an_error_with_its_line(images, name, hint, tmp_path):
    with pytest.raises(UserError) as caught:
        resolve("l", parse_pairs("l", f"ann/ann_0001\t{name}\t0".encode()), images(tmp_path))
    assert caught.value.code == "data-pair-list"
    assert caught.value.message.startswith(f"l line 1: no image {name!r}")
    assert hint is None or caught.value.message.endswith(hint)


def test_a_path_out_of_the_root_is_a_path(tmp_path):
    on_disk(tmp_path)
    images = ImagesOnDisk(tmp_path / "bob")
    assert images.find("../ann/ann_0001") == "../ann/ann_0001.jpg"
    assert images.find(f"{tmp_path}/bob/1") == f"{tmp_path}/bob/1.png"
