"""Raw log to release: every step of training, in order."""

import hashlib
import os
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
import json

import numpy as np
import torch

from shortlist.features.encode import USER_DENSE
from shortlist.offline import datasets
from shortlist.offline.catalogues import catalogue_of
from shortlist.offline.clean import clean, split_at, before
from shortlist.offline.columns import ITEM_COLUMNS
from shortlist.offline.export import export_onnx, tensor_specs
from shortlist.offline.interactions import Interactions
from shortlist.offline.quantize import quantize
from shortlist.offline.ranker_training import RankerSettings, lists_at, train_ranker
from shortlist.offline.requests import histories_at
from shortlist.offline.retriever import CANDIDATES, Retriever
from shortlist.offline.sources import fit_sources
from shortlist.offline.tower_training import TowerSettings
from shortlist.ranking.tensors import candidate_dense_names
from shortlist.release.bundle import RANKER_NAMES, REPORT_NAME, seal, write_arrays, written_beside
from shortlist.release.manifest import FeatureSchema, Manifest, RankerSpec, TensorSpec


def train(dataset, path, out, *, holdout=0.2, seed=1, precision="int8"):
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    torch.set_num_threads(2)
    log = datasets.load(dataset, path)
    end = int(log.events["time"][-1]) + 1
    cut80 = split_at(log, 0.8)
    horizon = end - cut80
    cut = split_at(log, 1 - holdout) if holdout else end
    log = clean(before(log, cut), min_item_events=10 if dataset == "completejourney" else 5, min_item_users=2)
    x = Interactions.of(log, cut)
    catalogue = catalogue_of(log.items, x.vocabulary)
    L = TowerSettings().history_length
    with written_beside(out) as folder:
        lists = []
        cuts = [cut - horizon]
        if cut - 365 * 86400 - int(x.times.min()) > horizon:
            cuts.append(cut - 365 * 86400)
        for at in cuts:
            with tempfile.TemporaryDirectory() as scratch:
                s = fit_sources(x, catalogue, at, Path(scratch), seed)
                lists.append(lists_at(x, s, Retriever(s.items, Path(scratch), s.query_tower, L, s.known_rows), horizon))
        ranker, curve = train_ranker(lists, catalogue, L, RankerSettings(), seed)
        open_axes = ("candidates", "candidate_dense")
        inputs = lists[0].tensors(np.arange(2), L)
        export_onnx(ranker, inputs, "score", folder / RANKER_NAMES["fp32"], open_axes)
        batches = [{k: v.numpy() for k, v in lists[0].tensors(np.arange(a, a + 16), L).items()} for a in range(0, 512, 16)]
        quantize(folder / RANKER_NAMES["fp32"], folder / RANKER_NAMES["int8"], batches)
        s = fit_sources(x, catalogue, cut, folder, seed)
        write_arrays(folder, x.vocabulary, catalogue, s.items, histories_at(x, cut))
        (folder / REPORT_NAME).write_text(json.dumps({}))
        digest = hashlib.sha256()
        for p in sorted(folder.iterdir()):
            if p.name != REPORT_NAME:
                digest.update(p.read_bytes())
        sources = ("tower", "neighbours", "popular")
        seal(folder, Manifest(
            id=f"{dataset}-{datetime.fromtimestamp(cut, UTC):%Y%m%d}-{digest.hexdigest()[:6]}",
            created=datetime.now(UTC), dataset=dataset, seed=seed, trained_until=datetime.fromtimestamp(cut, UTC),
            item_count=len(x.vocabulary.ids), embedding_dimension=64, candidates=CANDIDATES, exclude_seen=True,
            features=FeatureSchema(history_length=L, user_dense=USER_DENSE, item_columns=ITEM_COLUMNS, sources=sources,
                                   candidate_dense=candidate_dense_names(sources, ITEM_COLUMNS)),
            query_tower=s.query_tower,
            ranker=RankerSpec(file=RANKER_NAMES[precision], precision=precision,
                              inputs=tensor_specs(inputs, open_axes), output=TensorSpec(name="score", dtype="float32", shape=(-1,))),
            notes=log.notes, files={}))
    return out
