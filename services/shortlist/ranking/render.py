"""Render Triton's model repository from a release: `python -m shortlist.ranking.render RELEASE OUT [BACKEND]`.

For a bare tritonserver that shares a volume with nobody; the gateway itself loads its ranker over the wire.
"""

import shutil
import sys
from pathlib import Path
from typing import get_args

from shortlist.core.errors import ShortlistError
from shortlist.ranking.model_config import Backend, as_pbtxt, model_config
from shortlist.ranking.triton_repository import model_source
from shortlist.release.bundle import Release

NAME = "ranker"


def render(release: Release, repository: Path, backend: Backend, instances: int = 2, threads: int = 1) -> Path:
    """Write `ranker/` with its configuration and one version, in place of what is there; return its directory."""
    model = repository / NAME
    version = model / "1"
    shutil.rmtree(model, ignore_errors=True)
    version.mkdir(parents=True)
    config = model_config(NAME, release.manifest.ranker, backend, instances, threads)
    (model / "config.pbtxt").write_text(f"# Rendered from release {release.id}.\n{as_pbtxt(config)}")
    shutil.copyfile(release.ranker_path, version / "model.onnx")
    if backend == "python":
        (version / "model.py").write_bytes(model_source())
    return model


def main(arguments: list[str]) -> int:
    """Run the command; 2 where the arguments are wrong, 1 where the release is refused."""
    known = get_args(Backend)
    backend: Backend = next((name for name in known if name in arguments[2:]), "onnxruntime")
    if len(arguments) not in {2, 3} or not set(arguments[2:]) <= set(known):
        print(f"usage: python -m shortlist.ranking.render RELEASE OUT [{'|'.join(known)}]", file=sys.stderr)  # noqa: T201
        return 2
    try:
        render(Release.open(Path(arguments[0])), Path(arguments[1]), backend)
    except ShortlistError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
