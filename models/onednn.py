"""Whether TensorFlow may use oneDNN, which halves the time of a training step on a CPU."""

from pathlib import Path


def onednn(cpu: Path = Path("/proc/cpuinfo")) -> str:
    """The value of ``TF_ENABLE_ONEDNN_OPTS``: "0" on a CPU with AVX-512, else "1".

    There that of TensorFlow 2.16 damages memory in the backward pass of the residual encoder, and the process dies
    later, wherever it may be (seen on an AMD EPYC with AVX512_BF16; the other encoders went through unharmed).
    """
    try:
        return "0" if "avx512" in cpu.read_text(encoding="utf-8") else "1"
    except OSError:
        return "1"
