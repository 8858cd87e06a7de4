from models.onednn import onednn


def test_it_is_off_where_it_breaks_memory(tmp_path):
    cpu = tmp_path / "cpuinfo"
    assert onednn(cpu) == "1"
    cpu.write_text("flags : fpu avx2 fma\n")
    assert onednn(cpu) == "1"
    cpu.write_text("flags : fpu avx2 avx512f avx512_bf16\n")
    assert onednn(cpu) == "0"
