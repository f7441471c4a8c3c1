"""Files are as docs/formats.md says, seen by h5py. formats.py DOCUMENT SECTION FILE...

Every array and attribute of the section is there with its type, and nothing else is; what only some
models or data have may be missing."""
import re
import sys

import h5py

OPTIONAL = {"clip_min", "clip_max", "metrics", "warm_start", "card", "event_weights", "precision_loss", "requires",
            "newest"}  # "where the scores are ratings" …
TYPES = {"u8": "|u1", "i64": "<i8", "i32": "<i4", "f32": "<f4", "f64": "<f8"}
SHARED = ["format", "format_version", "content_digest", "created"]


def expand(name):
    """a/{b,c}/… into the arrays it stands for; … are the three of a CSR matrix."""
    name = name.replace("…", "{ptr,index,value}")
    m = re.search(r"\{(.*?)\}", name)
    if not m:
        return [name]
    return [x for one in m[1].split(",") for x in expand(name[: m.start()] + one + name[m.end():])]


# Rows of the tables that only these models' files have: the words of their meaning.
FACTORS = {"als", "ials"}
COLUMNS = FACTORS | {"popular"}  # whose artifacts have n_cols > 0
NEIGHBOURS = {"item-knn", "user-knn"}
OF_MODELS = [("all but popular: ", FACTORS | NEIGHBOURS | {"ease", "slim"}), ("als, ials", FACTORS), ("ials: sum", {"ials"}),
             ("popular: ", {"popular"}), ("where n_cols > 0", COLUMNS), ("where n_cols is 0", None),
             ("item-knn", NEIGHBOURS), ("models that rate by neighbours", NEIGHBOURS),
             ("ease, slim", {"ease", "slim"}), ("row j: ", None), ("row u: ", None)]

# Attributes that only these models' files have.
OWN = {"n_factors": FACTORS, "mean": FACTORS, "dropped": {"ease"}, "violation": {"slim"},
       "binary": {"ease", "slim"}, "normalize": NEIGHBOURS, "k": NEIGHBOURS,
       "min_k": NEIGHBOURS, "fallback": NEIGHBOURS}


def documented(section, algorithm):
    """{array: type or None} of the section's table for this model, those it may lack, attributes."""
    arrays, may_lack = {}, set()
    for line in re.findall(r"^\| (`.*) \|$", section, re.M):
        cells = [cell.strip() for cell in line.split("|")]
        names = [n for code in re.findall(r"`(.*?)`", cells[0]) for n in expand(code)]
        types = cells[2].split(", ") if cells[2] else [None]
        models = next((m for words, m in OF_MODELS if words in cells[3]), {algorithm})
        if models is not None and algorithm not in models or models is None and algorithm in COLUMNS:
            continue
        if cells[3].startswith(("attributes: ", "int8: ")):  # of a catalogue, or a job's wish
            may_lack |= {f"{n}{end}" for n in names for end in ("", "/offsets", "/bytes")}
        if types == ["strings"] or cells[1] == "strings":
            arrays |= {f"{n}/offsets": "i64" for n in names} | {f"{n}/bytes": None for n in names}
        else:
            types *= len(names) // len(types)
            arrays |= dict(zip(names, types, strict=True))
            if models != {algorithm} and models not in (FACTORS, COLUMNS):
                may_lack |= set(names)  # one side's, of a model that may have either
    text = section[section.index("`/meta`:"):].split("\n\n")[0]
    attributes = re.findall(r"[a-z_]+", " ".join(re.findall(r"`([a-z_ ]+)`", text)))
    own = OWN | {a: FACTORS for a in attributes if a.startswith(("fold_", "scan_"))} | ({"n_cols": FACTORS} if "n_factors" in attributes else {})
    return arrays, may_lack, {a for a in attributes if algorithm in own.get(a, {algorithm})}


def check(path, arrays, may_lack, attributes):
    with h5py.File(path) as file:
        found = {}
        file.visititems(lambda n, o: found.update({n: o}) if isinstance(o, h5py.Dataset) else None)
        held = {n: d for n, d in found.items() if not n.startswith("digests/")}
        told = {re.sub(r"/\d+/", "/K/", n) for n in held}  # columns of a catalogue by their number
        assert told <= arrays.keys(), (path, told - arrays.keys())
        assert arrays.keys() - told <= may_lack, (path, arrays.keys() - told)
        for name, data in held.items():
            wanted = TYPES.get(arrays[re.sub(r"/\d+/", "/K/", name)], data.dtype.str)
            assert data.dtype.str == wanted, (path, name, data.dtype)
            assert data.chunks is None and data.compression is None, (path, name)
            assert data.size == 0 or data.id.get_offset() % 64 == 0, (path, name)
            digests = found[f"digests/{name}"][:]
            assert digests.shape[1] == 4 and digests.dtype.str == "<u8", (path, name)
            ends = digests[:, 1]
            assert ends[-1] == data.shape[0] and (digests[1:, 0] == ends[:-1]).all(), (path, name)
        meta = set(file["meta"].attrs) - {"inputs"}
        wanted = attributes | set(SHARED)
        assert meta <= wanted and wanted - OPTIONAL <= meta, (path, meta ^ wanted)
        assert len(file["meta"].attrs["content_digest"]) == 64, path
        assert file.userblock_size == 512, path
    with open(path, "rb") as file:
        seal = file.read(512).split(b"\n")[0].split()
    assert seal[:3] == [b"DAOGOU", b"FILE", b"1"] and len(seal[6]) == 64, (path, seal)


if __name__ == "__main__":
    page = open(sys.argv[1], encoding="utf-8").read()
    title = next(t for t in re.findall(r"^## (.*)$", page, re.M) if t.startswith(sys.argv[2]))
    for file_name in sys.argv[3:]:
        with h5py.File(file_name) as file:
            algorithm = file["meta"].attrs.get("algorithm", b"").decode()
        check(file_name, *documented(page.split(f"## {title}\n")[1].split("\n## ")[0], algorithm))
