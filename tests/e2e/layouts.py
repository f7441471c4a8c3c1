"""layouts.py - `daogou layout`: what it makes is what each platform expects, and it runs as the platform
would run it."""
import importlib
import io
import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import tarfile
import time
import urllib.request

import harness
from harness import Case, ratings_csv, run, write

try:
    import yaml
    import h5py  # noqa: F401
    import numpy  # noqa: F401
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

CARD = ("--set", "export.licence=CC-BY-4.0", "--set", "export.notes=Not for sale.")


def setUpModule():
    write("ratings.csv", ratings_csv())
    write("job.yaml", harness.job_yaml())
    for name in ("signer", "stranger"):
        ended = run("keygen", name)
        assert ended.code == 0, ended
    ended = run("run", "job.yaml", "--work", "work", "--set", "export.sign=signer", *CARD)
    assert ended.code == 0, ended
    ended = run("export", "job.yaml", "--work", "work", "--set", "export.sign=signer", *CARD)
    assert ended.code == 0, ended


def read(path, mode="r"):
    with open(path, mode) as f:
        return f.read()


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def ask(port, path, body=None):
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}",
                                     None if body is None else json.dumps(body).encode())
    with urllib.request.urlopen(request, timeout=120) as answer:
        return json.load(answer)


class Running:
    """A process that a platform started; ended as it ends it, by SIGTERM."""

    def __init__(self, line, port, env=None):
        self.port = port
        self.process = subprocess.Popen(line, env={**os.environ, **(env or {})},
                                        stderr=subprocess.PIPE, text=True)
        for text in self.process.stderr:
            if " on http://" in text:
                return
        raise AssertionError("did not start")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        self.process.communicate(timeout=120)
        assert self.process.returncode == 0, self.process.returncode
        assert time.monotonic() - began < 30


class Layouts(Case):
    def lay(self, *args):
        return self.succeeds("layout", *args).out.strip()

    def plain(self):
        """The list that every platform must give."""
        port = free_port()
        with Running(harness.node_line("--artifact", "work/artifact.h5", "--listen",
                                       f"127.0.0.1:{port}"), port):
            return ask(port, "/v1/recommend/u1?k=4")["items"]

    def test_sagemaker_unpacks_and_starts_it(self):
        made = self.lay("sagemaker", "work/artifact.h5", "sage", "--trusted-keys", "signer.pub")
        self.assertEqual(made, "sage/model.tar.gz")
        with tarfile.open(made, "r:gz") as tar:
            members = {m.name: m for m in tar.getmembers()}
            tar.extractall("ml")
        self.assertEqual(set(members), {"serve", "artifact.h5", "model-card.json", "trusted.keys"})
        self.assertTrue(all(m.isreg() for m in members.values()))
        self.assertTrue(members["serve"].mode & stat.S_IXUSR)
        self.assertEqual(read("ml/artifact.h5", "rb"), read("work/artifact.h5", "rb"))
        self.assertEqual(json.loads(read("ml/model-card.json"))["licence"], "CC-BY-4.0")
        script = read("ml/serve")
        self.assertIn("/opt/ml/model", script)
        self.assertIn("8080", script)
        self.assertRegex(script, r"(?m)^exec daogou-serve")
        port = free_port()
        env = {"PATH": os.path.dirname(harness.daogou_serve) + os.pathsep + os.environ["PATH"],
               "SM_MODEL_DIR": os.path.abspath("ml"), "SAGEMAKER_BIND_TO_PORT": str(port)}
        with Running(["ml/serve", "serve"], port, env) as node:
            with open(f"/proc/{node.process.pid}/comm") as name:  # it is the node, no shell around it
                self.assertEqual(name.read().strip(), "daogou-serve")
            began = time.monotonic()
            ask(port, "/ping")
            self.assertLess(time.monotonic() - began, 2)
            self.assertEqual(ask(port, "/invocations", {"user": "u1", "k": 4})["items"], self.plain())
            many = ask(port, "/invocations", {"users": ["u1", "u2"], "k": 4})["users"]
            self.assertEqual(many[0]["items"], self.plain())
        self.assertEqual(subprocess.run(["ml/serve", "train"], env={**os.environ, **env},
                                        stderr=subprocess.DEVNULL).returncode, 64)
        write("ml/trusted.keys", read("stranger.pub"))
        self.assertEqual(subprocess.run(["ml/serve", "serve"], env={**os.environ, **env},
                                        stderr=subprocess.DEVNULL).returncode, 77)

    def test_the_same_artifact_makes_the_same_archive(self):
        one, two = (read(self.lay("sagemaker", "work/artifact.h5", f), "rb") for f in ("a", "b"))
        self.assertEqual(one, two)

    def test_version_folders_count_up_and_appear_whole(self):
        self.assertEqual(self.lay("triton", "work/artifact.h5", "repo", "--name", "shop"), "repo/shop/1")
        os.makedirs("repo/shop/.unfinished-2")  # a killed one's
        write("repo/shop/.unfinished-2/artifact.h5", "half")
        self.assertEqual(self.lay("triton", "work/artifact.h5", "repo", "--name", "shop"), "repo/shop/2")
        self.lay("triton", "work/artifact.h5", "repo", "--name", "shop", "--version", "10")
        self.assertEqual(harness.files_below("repo/shop"),
                         ["1/artifact.h5", "10/artifact.h5", "2/artifact.h5", "config.pbtxt"])
        self.fails(73, "is there already", "layout", "triton", "work/artifact.h5", "repo", "--name",
                   "shop", "--version", "2")
        self.assertEqual(read("repo/shop/2/artifact.h5", "rb"), read("work/artifact.h5", "rb"))

    def test_triton_is_told_the_tensors_that_the_node_takes(self):
        self.lay("triton", "work/artifact.h5", "models")
        config = read("models/small/config.pbtxt")
        self.assertIn('name: "small"', config)
        tensor = r'name: "(\w+)" data_type: TYPE_(\w+) dims: \[ ([-\d, ]+) \]'
        told = {m[0]: m[1:] for m in re.findall(tensor, config)}
        port = free_port()
        with Running(harness.node_line("--artifact", "models/small/1/artifact.h5", "--listen",
                                       f"127.0.0.1:{port}"), port):
            model = ask(port, "/v2/models/small")
            self.assertTrue(ask(port, "/v2/models/small/ready")["ready"])
            got = ask(port, "/v2/models/small/infer", {"inputs": [
                {"name": "user", "shape": [1], "datatype": "BYTES", "data": ["u1"]},
                {"name": "k", "shape": [1], "datatype": "INT32", "data": [4]}]})
        words = {"BYTES": "STRING"}
        self.assertEqual(told, {
            t["name"]: (words.get(t["datatype"], t["datatype"]), ", ".join(map(str, t["shape"])))
            for t in model["inputs"] + model["outputs"]})
        items = next(t for t in got["outputs"] if t["name"] == "item")
        self.assertEqual(items["data"], [i["item"] for i in self.plain()])

    def test_kserve_gets_a_service_that_finds_the_version(self):
        self.lay("kserve", "work/artifact.h5", "store", "--name", "My.Shop", "--image", "shop/node:7",
                 "--storage", "s3://models")
        made = self.lay("kserve", "work/artifact.h5", "store", "--name", "My.Shop")
        self.assertEqual(made, "store/My.Shop/2")
        service = yaml.safe_load(read("store/My.Shop/inference-service.yaml"))
        self.assertEqual((service["apiVersion"], service["kind"]),
                         ("serving.kserve.io/v1beta1", "InferenceService"))
        self.assertRegex(service["metadata"]["name"], r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")
        box, = service["spec"]["predictor"]["containers"]
        self.assertEqual(box["env"], [{"name": "STORAGE_URI", "value": "pvc://models/My.Shop/2"}])
        # The arguments, with the folder where KServe puts the version, start a node that is ready.
        port = free_port()
        line = [made.join(("", "/artifact.h5")) if a == "/mnt/models/artifact.h5" else
                f"127.0.0.1:{port}" if a == "0.0.0.0:8080" else a for a in box["args"]]
        with Running([harness.daogou_serve, *line], port):
            for probe in ("readinessProbe", "livenessProbe"):
                ask(port, box[probe]["httpGet"]["path"])

    def test_mlflow_finds_flavors_signature_and_example(self):
        self.assertEqual(self.lay("mlflow", "work/artifact.h5", "flow"), "flow")
        model = yaml.safe_load(read("flow/MLmodel"))
        flavor = model["flavors"]["python_function"]
        for path in (flavor["code"], flavor["data"], flavor["env"]["virtualenv"],
                     model["saved_input_example_info"]["artifact_path"],
                     model["flavors"]["daogou"]["data"]):
            self.assertTrue(os.path.exists(f"flow/{path}"), path)
        self.assertRegex(model["model_uuid"], r"^[0-9a-f]{32}$")
        self.assertRegex(model["utc_time_created"], r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+$")
        self.assertEqual(model["metadata"]["card"]["notes"], "Not for sale.")
        signature = {key: json.loads(value) for key, value in model["signature"].items()}
        self.assertEqual([c["name"] for c in signature["inputs"]], ["user"])
        example = json.loads(read("flow/input_example.json"))
        self.assertEqual(example["columns"], ["user"])
        # As MLflow loads a pyfunc: code on the path, the module's _load_pyfunc on the data.
        sys.path.insert(0, "flow/code")
        try:
            loaded = importlib.import_module(flavor["loader_module"])._load_pyfunc("flow/data")
        finally:
            sys.path.pop(0)
        table = {"user": [row[0] for row in example["data"]] + ["u1"]}
        answers = loaded.predict(table, {p["name"]: p["default"] for p in signature["params"]})
        self.assertEqual(set(answers[0]), {c["name"] for c in signature["outputs"]})
        self.assertEqual(answers[1]["item"][:4], [i["item"] for i in self.plain()])
        self.assertEqual(len(loaded.predict(table, {"k": 2})[1]["item"]), 2)
        self.fails(73, "is there already", "layout", "mlflow", "work/artifact.h5", "flow")

    def test_what_cannot_be_laid_out_is_told(self):
        self.fails(64, "layouts are", "layout", "zip", "work/artifact.h5", "x")
        self.fails(66, "no.h5", "layout", "triton", "no.h5", "x")
        self.fails(65, "daogou-artifact file is needed", "layout", "triton", "work/model.h5", "x")
        self.fails(78, "no name", "layout", "triton", "work/artifact.h5", "x", "--name", "../up")
        self.fails(77, "not among", "layout", "sagemaker", "work/artifact.h5", "x", "--trusted-keys",
                   "stranger.pub")
        self.assertFalse(os.path.exists("x"))

    def test_inspect_prints_the_model_card(self):
        told = self.succeeds("inspect", "work/artifact.h5").out
        for words in ("small: ials of 6 columns, 40 users, 30 items", "by daogou ", "records of 1 file",
                      "to judge by (split ratio)", "recall@10", "CC-BY-4.0", "Not for sale."):
            self.assertIn(words, told)
        meta = json.loads(self.succeeds("inspect", "--json", "work/artifact.h5").out)["meta"]
        self.assertEqual(json.loads(meta["card"])["data"]["users"], 40)


if __name__ == "__main__":
    harness.main()
