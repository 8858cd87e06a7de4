"""Names that mean a split, or another part of a data set, and names that only look so."""

import pytest

from components.image_example_gen.sources.part_names import parts_among, split_named


@pytest.mark.parametrize(
    ("names", "split"),
    [
        (["train", "Train", "TRAIN", "training", "train_set", "Training Set", "train-images", "images.train"], "train"),
        (["trainval", "train_val", "Trainingsdaten", "entra\u00eenement", "train_imgs", "\u8bad\u7ec3\u96c6"], "train"),
        (["Validierung", "validaci\u00f3n"], "val"),
        (["Testdaten", "test_images", "tests", "\u6d4b\u8bd5\u96c6"], "test"),
        (["eval", "Evaluation", "images_evaluation", "evaline", "training_ann", "tr", "medieval", "dateneval x"], ""),
        (["val", "valid", "validation", "Validation_Data", "dev", "VAL"], "val"),
        (["test", "testing", "Test Set", "TEST"], "test"),
        (["trainer", "testament", "val d'isere", "tester", "train 1", "data", "set", "", "_", "ann", "Deva"], ""),
    ],
)
def test_spellings_of_splits(names, split):
    assert {split_named(name) for name in names} == {split}


@pytest.mark.parametrize(
    ("names", "parts"),
    [
        (["train2017", "val2017", "test2017"], ["train", "val", "test"]),
        (["cars_train", "cars_test"], ["train", "test"]),
        (["trainImages", "testImages", "TRAIN-1"], ["train", "test", "train"]),
        (["train", "test_stg1", "test_stg2"], ["train", "test", "test"]),
        (["bounding_box_train", "bounding_box_test", "query"], ["train", "test", "query"]),
        (["fold_1", "fold2"], ["fold", "fold"]),
        (["train", "test tube", "bullet train", "Val Smith", "foldable", "ann"], ["train"]),
        (["train test", "ann"], []),
        (["imagesTr", "imagesTs"], ["train", "test"]),
        (["lfw_tr", "lfw_te", "lfw_ann"], ["train", "test"]),
        (["train", "val_seen", "val_unseen"], ["train", "val", "val"]),
        (["split_0", "Split 1", "data_split_2", "shard-10"], ["split"] * 4),
        (["seen", "unseen"], ["seen", "unseen"]),
        (["images_background", "images_evaluation"], ["background", "eval"]),
        (["split_pea", "part_1", "batch_2", "unforeseen", "supporter", "splits"], []),
    ],
)
def test_folders_beside_each_other_that_are_called_like_parts_of_a_data_set(names, parts):
    assert list(parts_among(names).values()) == parts
