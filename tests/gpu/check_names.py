"""The FAISS names that the GPU engine uses exist in the faiss-gpu wheel: `make gpu-names`, no GPU needed.

Not part of `make test`: faiss-gpu and faiss-cpu provide the same package, so this runs in an environment of its own.
"""

import inspect

import faiss


def test_the_wheel_is_the_gpu_build() -> None:
    assert hasattr(faiss, "StandardGpuResources"), "this is the CPU build"
    assert faiss.get_num_gpus() >= 0


def test_every_name_that_the_engine_uses_exists() -> None:
    options = faiss.GpuClonerOptions()
    options.useFloat16 = True
    assert options.useFloat16 is True
    assert list(inspect.signature(faiss.index_cpu_to_gpu).parameters)[:3] == ["provider", "device", "index"]


def test_a_cpu_index_still_searches_with_this_build() -> None:
    index = faiss.IndexFlatIP(4)
    assert index.ntotal == 0
    assert index.metric_type == faiss.METRIC_INNER_PRODUCT
