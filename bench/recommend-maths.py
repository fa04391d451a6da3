"""The other side of recommend-maths.ts: the same rows through scikit-learn and SciPy.

python recommend-maths.py <folder> <rows>: reads rows.f64, levels.i32, labels.u8 and distances.f64,
prints one line of JSON.
"""

import json
import resource
import sys
import time
from pathlib import Path

import numpy as np
from scipy.spatial import cKDTree
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler

DIMS = 8
WORKERS = 2


def cpu():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


class Phases(dict):
    def time(self, name, work):
        wall, used = time.perf_counter(), cpu()
        result = work()
        self[name] = {"seconds": time.perf_counter() - wall, "cpu": cpu() - used}
        return result


def nearest(rows, labels):
    distances = np.full(len(rows), np.inf)
    for cluster in np.unique(labels):
        members = np.flatnonzero(labels == cluster)
        if len(members) < 2:
            continue
        points = rows[members]
        # Larger leaves, and queries in the tree's own order: measured as the fastest it can do.
        tree = cKDTree(points, leafsize=32)
        found = tree.query(points[tree.indices], k=2, workers=WORKERS)[0][:, 1]
        distances[members[tree.indices]] = found
    return distances


def main(folder, count):
    rows = np.fromfile(folder / "rows.f64").reshape(count, DIMS)
    levels = np.fromfile(folder / "levels.i32", dtype=np.int32).reshape(4, count).T
    phases = Phases()
    scaled = phases.time("scale", lambda: StandardScaler().fit_transform(rows))
    phases.time("pca", lambda: PCA(2, random_state=42).fit_transform(levels))
    fitted = phases.time("kmeans", lambda: KMeans(10, n_init=10, random_state=42).fit(scaled))
    # In our clusters, so that the answers can be compared; it is as much work as in its own.
    labels = np.fromfile(folder / "labels.u8", dtype=np.uint8)
    found = phases.time("nearest", lambda: nearest(scaled, labels))
    ours = np.fromfile(folder / "distances.f64")
    print(json.dumps({
        "phases": phases,
        "inertia": fitted.inertia_,
        "differing": int((~np.isclose(found, ours, rtol=1e-9, atol=1e-9)).sum()),
        "memoryMiB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
