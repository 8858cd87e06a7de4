import copy
import pickle
import subprocess
import sys

import cloudpickle
import pytest

from models.lazy_modules import LazyModule


def test_a_module_is_imported_at_its_first_use():
    program = (
        "import sys; from models.verification import metrics, rates; from pipeline.config import load_config; "
        "load_config(); assert 'numpy' not in sys.modules; assert metrics.np.zeros(3).shape == (3,)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))])  # noqa: S301
def test_it_can_be_copied(copied):
    assert copied(LazyModule("math")).floor(1.5) == 1


def test_a_function_that_uses_it_can_be_sent_to_another_process():
    math = LazyModule("math")
    assert pickle.loads(cloudpickle.dumps(lambda: math.floor(1.5)))() == 1  # noqa: S301


def test_what_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError):
        _ = LazyModule("math").nothing
