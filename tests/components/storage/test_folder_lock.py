import pytest

from components.storage.folder_lock import held, in_use


def test_a_folder_is_in_use_while_its_lock_is_held(tmp_path):
    assert not in_use(tmp_path)
    with held(tmp_path):
        assert in_use(tmp_path)
        with pytest.raises(BlockingIOError), held(tmp_path):
            pass
    assert not in_use(tmp_path)
    with held(tmp_path):  # asking has not taken it
        assert in_use(tmp_path)
