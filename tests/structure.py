"""What the source tree promises about itself. structure.py CHECK SOURCE

includes  includes and link lines point down the picture of docs/architecture.md
format    every C file is as clang-format 14 writes it; skipped where that is not installed
headers   a header says what it is for, and of each function whether it is COLLECTIVE or LOCAL
texts     no text names a place of one machine; links of pages lead somewhere
"""
import pathlib
import re
import shutil
import subprocess
import sys

SKIPPED = 77
BORDER = "----"  # below this line of the picture nothing needs MPI


def c_files(source, *folders):
    return sorted(p for f in folders for e in ("*.c", "*.h") for p in (source / f).rglob(e))


def picture(source):
    """Folders, top-down, and those that build and link without MPI."""
    text = (source / "docs/architecture.md").read_text().split("## Folders of src/")[1]
    lines = text.split("```")[1].strip().splitlines()
    folders = [line.split("/")[0] for line in lines if not line.startswith(BORDER)]
    border = next(k for k, line in enumerate(lines) if line.startswith(BORDER))
    free = {line.split("/")[0] for line in lines[border + 1:]}
    free |= {line.split("/")[0] for line in lines[:border] if "(no MPI)" in line}
    return folders, free


def check_arrow(place, start, to, folders, free):
    """An arrow from one folder to another, or None."""
    if to not in folders:
        return f"{place}: {to}/ is not in the picture"
    if start and folders.index(to) < folders.index(start):
        return f"{place}: {to}/ stands above {start}/"
    if start in free and to not in free:
        return f"{place}: {start}/ has no MPI, {to}/ does"
    if to == "serve" and start not in ("cli", "serve", "evaluate"):  # which judges as nodes answer
        return f"{place}: serve/ is of the serving node, and of who judges its answers"
    return None


def includes(source):
    folders, free = picture(source)
    there = {p.name for p in (source / "src").iterdir() if p.is_dir()}
    bad = [f"src/{f}: in the picture or in src/, not in both" for f in there ^ set(folders)]
    for path in c_files(source, "src"):
        place = path.relative_to(source)
        start = place.parts[1] if len(place.parts) > 2 else ""
        of_node = path.name.startswith("daogou_serve")  # the node's main, and its command line
        start = "serve" if of_node else start
        for what in re.findall(r'^#include ["<](.+?)[">]', path.read_text(), re.M):
            if of_node and what.startswith("cli/daogou_serve"):
                continue
            if (source / "src" / what).is_file() and "/" in what:
                bad.append(check_arrow(place, start, what.split("/")[0], folders, free))
            elif what == "mpi.h" and start in free:
                bad.append(f"{place}: {start}/ has no MPI")
    for path in sorted((source / "src").glob("*/CMakeLists.txt")):
        for name, links in re.findall(r"dg_folder\((\w+).*?LINKS(.*?)\)", path.read_text(), re.S):
            for to in re.findall(r"\bdg_([a-z]+)", links):
                start = name.removesuffix("_serial").removesuffix("_parallel")
                bad.append(check_arrow(path.relative_to(source), start, to, folders, free))
    return bad


def format(source):
    tool = shutil.which("clang-format-14") or shutil.which("clang-format")
    if not tool or " 14." not in subprocess.check_output([tool, "--version"], text=True):
        print("skipped: clang-format 14 is not installed")
        sys.exit(SKIPPED)
    files = c_files(source, "src", "tests")
    run = subprocess.run([tool, "--dry-run", *files], stderr=subprocess.PIPE, text=True)
    return [line for line in run.stderr.splitlines() if "[-Wclang-format-violations]" in line]


def functions(block):
    """Names of the functions a block of a header declares or defines."""
    code = re.sub(r"/\*.*?\*/|^#.*?(?<!\\)$", "", block, flags=re.S | re.M)
    code = re.sub(r"\{.*\}", ";", code, flags=re.S)  # a struct's members are not ours to see
    return re.findall(r"\b(dg_\w+)\([^()]*(?:\([^()]*\)[^()]*)*\)\s*(?:__attribute__.*)?;", code)


def headers(source):
    bad = []
    for path in c_files(source, "src"):
        if path.suffix != ".h":
            continue
        place, text = path.relative_to(source), path.read_text()
        if not re.match(rf"/\* {path.name} - \S", text):
            bad.append(f"{place}:1: expected \"/* {path.name} - what it is for\"")
        all_alike = False
        for block in re.split(r"\n\s*\n(?=[^\s*}}])", text):
            said = re.findall(r"/\*.*?\*/", block, re.S)
            all_alike = all_alike or any(re.search(r"\bAll (COLLECTIVE|LOCAL)\b", s) for s in said)
            if all_alike or re.search(r"\b(COLLECTIVE|LOCAL)\b", "".join(said)):
                continue
            bad += [f"{place}: {name}: COLLECTIVE or LOCAL?" for name in functions(block)]
    return bad


def texts(source):
    # In two halves, so that this file does not name them.
    of_one_machine = re.compile(r"(?<![\w.}])/" + r"(work/|root/|home/|tmp/wt)")
    listed = subprocess.run(["git", "-C", source, "ls-files", "-co", "--exclude-standard"],
                            stdout=subprocess.PIPE, text=True)
    if listed.returncode != 0:
        print("skipped: not a git repository")
        sys.exit(SKIPPED)
    bad = []
    for name in listed.stdout.splitlines():
        path = source / name
        if not path.is_file():
            continue
        text = path.read_bytes().decode("utf-8", "replace")
        for line, words in enumerate(text.splitlines(), 1):
            if of_one_machine.search(words):
                bad.append(f"{name}:{line}: {words.strip()}")
        for link in re.findall(r"\]\(([^)#:]+)[^):]*\)", text) if path.suffix == ".md" else []:
            if not (path.parent / link).exists():
                bad.append(f"{name}: link to {link}, which is not there")
    return bad


if __name__ == "__main__":
    checks = {f.__name__: f for f in (includes, format, headers, texts)}
    found = [b for b in checks[sys.argv[1]](pathlib.Path(sys.argv[2]).resolve()) if b]
    print("\n".join(found) or "all well")
    sys.exit(1 if found else 0)
