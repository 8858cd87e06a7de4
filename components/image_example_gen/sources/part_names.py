"""Names of folders, and of splits in a manifest, that mean a part of a data set: a split, or query, gallery, fold 1."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from functools import cache

from models.data.features import SPLITS

EVAL = "eval"  # val or test: which one, no name says

_AROUND = r"(?:images?|imgs?|data|daten|bilder|sets?|split|folder|集)*"
_SPLIT_NAME = re.compile(
    rf"{_AROUND}(?:(train|trainings?|trn|trainval|entrainement|entrenamiento|treino|treinamento|addestramento|训练)"
    r"|(val|valid|validation|validate|validating|dev|development|validierungs?|validacion|validacao|验证)"
    r"|(test|testing|tst|teste?s|teste|pruebas?|测试)"
    rf"|(eval|evals|evaluation|evaluate|evaluating)){_AROUND}"
)
_SHORT = {"tr": SPLITS[0], "te": SPLITS[2], "ts": SPLITS[2]}  # imagesTr and imagesTs
_OTHER_PART = re.compile(
    "query|queries|gallery|probes?|k?folds?|unlabell?ed|unsup|pred|predict|holdout|heldout|genuine|forged|forger(?:y|ies)"
    "|forg|org|background|seen|unseen|support|references?|enrol(?:l(?:ed|ment)?)?|verify|verification"
)
_NUMBERED_PART = re.compile(r"(?:data|images?|imgs?)?[\W_]*(?:split|subset|partition|shard|chunk)s?[\W_]*\d+")
_AROUND_WORD = re.compile(r"images?|imgs?|data|dataset|sets?|split|folder|stage|stg|part")
# Folders around images that are no identities: train/images, test/unknown.
_NOBODY = re.compile(r"images?|imgs?|jpe?gs?|pngs?|photos?|pictures?|data|dataset|all|unknown|unlabell?ed|none")

SPLITS_NAMED = (*SPLITS, EVAL)


def split_named(name: str) -> str:
    """The split that a folder or a manifest means by a name, in many spellings; "" for any other name, also eval."""
    named = like_split(name)
    return named if named != EVAL else ""


@cache
def like_split(name: str) -> str:
    """The split, or ``EVAL``, that a name means; "" for any other name."""
    plain = "".join(one for one in unicodedata.normalize("NFKD", name) if not unicodedata.combining(one))
    match = _SPLIT_NAME.fullmatch(re.sub(r"[\W_]+", "", plain.casefold()))
    return SPLITS_NAMED[match.lastindex - 1] if match and match.lastindex else ""


@cache
def _part_named(name: str) -> tuple[str, str]:
    """The part of a data set that a folder is called after, and the other words of its name."""
    if split := like_split(name):
        return split, ""
    if _NUMBERED_PART.fullmatch(name.casefold()):
        return "split", ""
    words = re.findall(r"[^\W\d_]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).casefold())
    splits = {word: like_split(word) or _SHORT.get(word, "") for word in words}
    others = dict.fromkeys(word for word in words if _OTHER_PART.fullmatch(word))
    named = [part for part in splits.values() if part] or list(others)
    rest = [word for word in words if not splits[word] and word not in others and not _AROUND_WORD.fullmatch(word)]
    return (named[0], " ".join(rest)) if len(named) == 1 else ("", "")


def parts_among(names: Iterable[str]) -> dict[str, str]:
    """The folders among some beside each other that are called like parts of a data set, each with its part.

    A part is a split, ``EVAL``, or a word such as query, gallery or fold. Also train2017 and val2017, test_stg1,
    fold_1, or cars_train and cars_test: the other words of a name are those of another part's.
    """
    named = {name: _part_named(name) for name in names}
    sharing = Counter(others for part, others in named.values() if part)
    return {name: part for name, (part, others) in named.items() if part and (sharing[others] > 1 or not others)}


@cache
def is_somebody(name: str, part: str) -> bool:
    """Whether a folder of a part may be an identity: not images, unknown, or test in test."""
    return not _NOBODY.fullmatch(name.casefold()) and _part_named(name)[0] != part
