"""What daogou-serve answers is what docs/openapi.yaml says, and that page knows every path.

usage: openapi.py DAOGOU_SERVE MAKE_ARTIFACT SOURCE
"""
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest
import urllib.error
import urllib.request

SKIPPED = 77
try:
    import jsonschema
    import yaml
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(SKIPPED)

serve, make_artifact, source = sys.argv[1:4]
page = yaml.safe_load((pathlib.Path(source) / "docs/openapi.yaml").read_text())


def resolve(node):
    while "$ref" in node:
        where = node["$ref"].removeprefix("#/").split("/")
        node = page
        for name in where:
            node = node[name]
    return node


def checker(schema):
    """The schema with the page's own schemas in reach."""
    whole = {**schema, "components": page["components"]}
    return jsonschema.Draft202012Validator(whole)


def everything(node):
    if isinstance(node, dict):
        yield node
        for child in node.values():
            yield from everything(child)
    elif isinstance(node, list):
        for child in node:
            yield from everything(child)


def operations():
    for path, item in page["paths"].items():
        for method, operation in item.items():
            yield path, method, operation


class Page(unittest.TestCase):
    def test_it_is_openapi(self):
        self.assertRegex(page["openapi"], r"^3\.1\.")
        self.assertTrue(page["info"]["title"] and page["info"]["version"])
        names = [o["operationId"] for _, _, o in operations()]
        self.assertEqual(len(names), len(set(names)))
        for path, method, operation in operations():
            self.assertIn(method, ("get", "post"))
            self.assertEqual(method == "post", "requestBody" in operation, path)
            given = [resolve(p) for p in operation.get("parameters", [])]
            self.assertEqual(re.findall(r"{(\w+)}", path),
                             [p["name"] for p in given if p["in"] == "path"])
            for code, answer in operation["responses"].items():
                self.assertRegex(code, r"^[2345]\d\d$")
                self.assertIn("description", resolve(answer), path)
        for node in everything(page):
            if "$ref" in node:
                resolve(node)
        for schema in page["components"]["schemas"].values():
            jsonschema.Draft202012Validator.check_schema(schema)

    def test_it_knows_every_path_of_the_node(self):
        text = (pathlib.Path(source) / "src/serve/routes.c").read_text()
        rows = re.findall(r'\.path = "(.+?)"(?:,\s*\.id = {(.+?)})?(?:,\s*\.tail = "(.+?)")?', text)
        coded = [path + "/".join("{%s}" % i for i in re.findall(r'"(\w+)"', ids)) + tail
                 for path, ids, tail in rows]
        self.assertEqual(sorted(coded), sorted(page["paths"]))


class Node(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.asked = set()
        cls.start("factors")

    @classmethod
    def start(cls, kind, *more):
        file = f"{cls.folder.name}/{kind}.h5"
        subprocess.run([make_artifact, file, kind], check=True)
        cls.node = subprocess.Popen([serve, "--artifact", file, "--listen", "127.0.0.1:0",
                                     "--longest-wait", "0", *more],
                                    stderr=subprocess.PIPE, text=True)
        for line in cls.node.stderr:
            if " on http://" in line:
                cls.url = line.split()[-1]
                return
        raise AssertionError("did not start")

    @classmethod
    def tearDownClass(cls):
        cls.stop()
        cls.folder.cleanup()

    @classmethod
    def stop(cls):
        cls.node.terminate()
        cls.node.wait()
        cls.node.stderr.close()

    def ask(self, operation, status, names=(), query="", body=None):
        """Ask an operation of the page; its answer must be as the page says."""
        path, method, what = next(o for o in operations() if o[2]["operationId"] == operation)
        for name in names:
            path = re.sub(r"{\w+}", name, path, count=1)
        text = body if body is None or isinstance(body, str) else json.dumps(body)
        if status < 400 and body is not None:
            wanted = what["requestBody"]["content"]["application/json"]["schema"]
            checker(wanted).validate(body)
        request = urllib.request.Request(self.url + path + query, method=method.upper(),
                                         data=None if text is None else text.encode())
        try:
            with urllib.request.urlopen(request, timeout=120) as r:
                found, answer = r.status, r.read()
        except urllib.error.HTTPError as e:
            found, answer = e.code, e.read()
        self.assertEqual(found, status, answer)
        self.assertIn(str(found), what["responses"], operation)
        content = resolve(what["responses"][str(found)])["content"]
        self.asked.add(operation)
        if "application/json" not in content:
            return answer.decode()
        schema = content["application/json"]["schema"]
        checker(schema).validate(json.loads(answer))
        return json.loads(answer)

    def test_answers_are_as_the_page_says(self):
        self.ask("recommend", 200, ["u2"], "?k=30&exclude_seen=false")
        self.ask("recommend", 200, ["nobody"])
        self.ask("recommend", 200, ["u1"])
        self.ask("recommend", 400, ["u2"], "?k=0")
        self.ask("recommend", 414, ["x" * 2000])
        self.ask("recommendFor", 200, body={"user": "u2", "k": 5, "exclude_seen": True})
        self.ask("recommendFor", 200, body={})
        self.ask("recommendFor", 400, body={"kk": 5})
        self.ask("recommendFor", 400, body="{")
        self.ask("recommendFor", 413, body=" " * 70000)
        self.ask("recommendFor", 414, body={"user": "x" * 2000})
        self.ask("recommendFor", 409, body={"session": ["item 1"]})
        self.ask("recommendMany", 200, body={"users": ["u2", "nobody", "u1"], "k": 3})
        self.ask("recommendMany", 400, body={"users": []})
        self.ask("rank", 200, body={"user": "u2", "items": ["item 1", "none", "item 2"]})
        self.ask("rank", 400, body={"user": "u2"})
        self.ask("events", 409, body={"events": [{"user": "u2", "item": "item 1"}]})
        self.ask("item", 200, ["item%207"])
        self.ask("item", 404, ["none"])
        self.ask("profile", 200, ["u2"])
        self.ask("profile", 404, ["none"])
        self.ask("similar", 200, ["item%207"], "?k=3")
        self.ask("similar", 404, ["none"])
        self.ask("similarUsers", 200, ["u2"])
        self.ask("similarUsers", 404, ["none"])
        self.ask("explain", 409, ["u2", "item%207"])
        self.ask("explain", 404, ["u2", "none"])
        self.ask("model", 200)
        self.ask("health", 200)
        self.ask("ready", 200)
        self.ask_platforms()
        self.assertIn('daogou_responses_total{status="414"} 2', self.ask("metrics", 200))
        self.ask("reload", 200, body={})
        self.ask("reload", 400, body={"all": True})
        self.assertEqual(self.asked, {o["operationId"] for _, _, o in operations()})

    def ask_platforms(self):
        self.ask("ping", 200)
        self.ask("invoke", 200, body={"user": "u2", "k": 3})
        self.ask("invoke", 200, body={"users": ["u2", "u3"], "k": 3})
        self.ask("invoke", 400, body={"users": ["u2"], "user": "u3"})
        self.ask("v2Server", 200)
        self.ask("v2Live", 200)
        self.ask("v2Ready", 200)
        told = self.ask("v2Model", 200, ["fixture"])
        self.assertEqual([t["name"] for t in told["outputs"]], ["item", "score", "count", "source"])
        self.ask("v2Model", 404, ["other"])
        self.assertEqual(self.ask("v2ModelReady", 200, ["fixture"]), {"name": "fixture", "ready": True})
        self.ask("v2ModelReady", 404, ["other"])
        users = {"name": "user", "shape": [3, 1], "datatype": "BYTES",
                 "data": [["u2"], ["nobody"], ["u1"]]}
        k = {"name": "k", "shape": [1], "datatype": "INT64", "data": [4]}
        seen = {"name": "exclude_seen", "shape": [1], "datatype": "BOOL", "data": [False]}
        one = {t["name"]: t for t in self.ask(
            "v2Infer", 200, ["fixture"], body={"id": "7", "inputs": [users, k]})["outputs"]}
        many = self.ask("recommendMany", 200, body={"users": ["u2", "nobody", "u1"], "k": 4})["users"]
        self.assertEqual(one["item"]["shape"], [3, 4])
        self.assertEqual(one["item"]["data"], [i["item"] for u in many for i in u["items"]])
        self.assertEqual(one["score"]["data"], [i["score"] for u in many for i in u["items"]])
        self.assertEqual(one["source"]["data"], [u["source"] for u in many])
        self.assertEqual(one["count"]["data"], [4, 4, 4])
        few = self.ask("v2Infer", 200, ["fixture"], body={
            "id": "x", "inputs": [{**users, "shape": [1], "data": ["u2"]}, seen],
            "outputs": [{"name": "count"}]})
        self.assertEqual((few["id"], [t["name"] for t in few["outputs"]]), ("x", ["count"]))
        self.ask("v2Infer", 404, ["other"], body={"inputs": [users]})
        for body in ({"inputs": []}, {"inputs": [{**users, "shape": [2]}]},
                     {"inputs": [users, users]}, {"inputs": [{**users, "datatype": "FP32"}]},
                     {"inputs": [users, {**k, "data": [0]}]}, {"inputs": [users], "more": 1},
                     {"inputs": [users], "outputs": [{"name": "price"}]}, {"inputs": {}}, [],
                     {"inputs": [{**users, "data": [{}, 1, None]}]},
                     {"inputs": [{**users, "data": [[[[[["u2"]]]]], "u2", "u3"]}]},
                     {"inputs": [users, {**k, "shape": [2], "data": [1, 2]}]}):
            self.ask("v2Infer", 400, ["fixture"], body=body)

    def test_answers_to_those_who_are_new_are_as_the_page_says(self):
        self.stop()
        self.start("fold", "--events", f"{self.folder.name}/events")
        events = [{"user": "u3", "item": "item 1", "value": 2, "time": 5, "id": "1"},
                  {"user": "new", "item": "none", "event": "view", "session": "s",
                   "time": "2026-01-02", "recommendation": "r"}]
        self.ask("events", 200, body={"events": events})
        self.ask("events", 400, body={"events": []})
        self.ask("events", 400, body={"events": [{"user": "u3"}]})
        self.ask("recommendFor", 200, body={"session": ["item 1", "none"], "exclude": ["item 3"]})
        self.ask("recommendFor", 200, body={"user": "u3", "positive": ["item 1"], "negative": ["item 9"]})
        self.ask("recommendFor", 200, body={"include": []})
        self.ask("rank", 200, body={"positive": ["item 1"], "items": ["item 4", "item 2"]})
        self.ask("explain", 200, ["u3", "item%207"], "?k=2")
        self.ask("profile", 200, ["u3"], "?k=2")

    def test_answers_of_weights_are_as_the_page_says(self):
        self.stop()
        self.start("weights")
        self.ask("recommend", 200, ["u2"])
        self.ask("recommend", 200, ["u0"])
        self.ask("explain", 200, ["u2", "item%207"])


unittest.main(argv=sys.argv[:1])
