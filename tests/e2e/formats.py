"""Files are as docs/formats.md says, seen by h5py. formats.py DOCUMENT SECTION FILE...

Every array and attribute of the section is there with its type, and nothing else is; what only some
models or data have may be missing."""
import re
import sys

import h5py

OPTIONAL = {"clip_min", "clip_max", "metrics", "warm_start", "card",  # "where the scores are ratings" …
            "violation", "dropped", "normalize", "k", "min_k", "fallback"}
TYPES = {"i64": "<i8", "i32": "<i4", "f32": "<f4", "f64": "<f8"}
SHARED = ["format", "format_version", "content_digest", "created"]


def expand(name):
    """a/{b,c}/… into the arrays it stands for; … are the three of a CSR matrix."""
    name = name.replace("…", "{ptr,index,value}")
    m = re.search(r"\{(.*?)\}", name)
    if not m:
        return [name]
    return [x for one in m[1].split(",") for x in expand(name[: m.start()] + one + name[m.end():])]


# What some models alone have, or some data: "item-knn: …", "where n_cols > 0".
OF_SOME = re.compile(r"where|als, ials|ease, slim|item-knn|user-knn|row [ju]:|models that")


def documented(section):
    """{array: type or None} of the section's table, those some files lack, and the attributes."""
    arrays, of_some = {}, set()
    for line in re.findall(r"^\| (`.*) \|$", section, re.M):
        cells = [cell.strip() for cell in line.split("|")]
        names = [n for code in re.findall(r"`(.*?)`", cells[0]) for n in expand(code)]
        types = cells[2].split(", ") if cells[2] else [None]
        if types == ["strings"] or cells[1] == "strings":
            arrays |= {f"{n}/offsets": "i64" for n in names} | {f"{n}/bytes": None for n in names}
        else:
            types *= len(names) // len(types)
            arrays |= dict(zip(names, types, strict=True))
        if OF_SOME.search(cells[3]):
            of_some |= {n for n in arrays if any(n.startswith(name) for name in names)}
    text = section[section.index("`/meta`:"):].split("\n\n")[0]
    attributes = re.findall(r"[a-z_]+", " ".join(re.findall(r"`([a-z_ ]+)`", text)))
    return arrays, of_some, set(attributes)


def check(path, arrays, of_some, attributes):
    with h5py.File(path) as file:
        found = {}
        file.visititems(lambda n, o: found.update({n: o}) if isinstance(o, h5py.Dataset) else None)
        held = {n: d for n, d in found.items() if not n.startswith("digests/")}
        assert held.keys() <= arrays.keys(), (path, held.keys() - arrays.keys())
        assert arrays.keys() - held.keys() <= of_some, (path, arrays.keys() - held.keys())
        for name, data in held.items():
            wanted = TYPES.get(arrays[name], data.dtype.str)
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
        check(file_name, *documented(page.split(f"## {title}\n")[1].split("\n## ")[0]))
