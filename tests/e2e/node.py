"""A serving node in the hands of those who run it: who may ask, what is counted and written down,
two models side by side, swaps, overload, the end.

usage: node.py DAOGOU DAOGOU_SERVE SOURCE MAKE_ARTIFACT
"""
import collections
import http.client
import json
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import ssl
import stat
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import warnings

daogou, serve, source, make_artifact = sys.argv[1:5]
long_form = os.environ.get("DAOGOU_TEST_LONG", "") not in ("", "0")
rng = random.Random(1)
sanitized = b"__asan_init" in pathlib.Path(serve).read_bytes()


def made(path, *size):
    subprocess.run([make_artifact, path, *map(str, size)], check=True)
    return path


class Answer:
    def __init__(self, response):
        self.status, self.headers, self.body = response.status, response.headers, response.read()

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def code(self):
        return self.json["error"]["code"]


class Case(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="daogou-node-")
        os.chmod(self.folder.name, 0o755)  # for nodes that become another user
        self.addCleanup(self.folder.cleanup)
        self.artifact = made(self.path("a.h5"))

    def path(self, name):
        return os.path.join(self.folder.name, name)

    def write(self, name, text, mode=0o644):
        with open(self.path(name), "w") as f:
            f.write(text)
        os.chmod(self.path(name), mode)
        return self.path(name)

    def token(self, name, roles, expires="never", file="tokens"):
        run = subprocess.run([daogou, "token", name, "-q", "--roles", roles, "--expires", expires,
                              "--file", self.path(file)], check=True, capture_output=True, text=True)
        return run.stdout.strip()

    def start(self, *args, artifact=True, env=None, **how):
        """A node that answers; it must end well when the test does."""
        what = ("--artifact", self.artifact) if artifact else ()
        self.err = open(self.path("stderr"), "w+")
        self.addCleanup(self.err.close)
        self.node = subprocess.Popen([serve, *what, "--listen", "127.0.0.1:0", "--longest-wait",
                                      "0", *args],  # no answer depends on how busy the machine is
                                     stderr=self.err, env={**os.environ, **(env or {})}, **how)
        self.addCleanup(self.stop, self.node)
        found = self.waits_for(lambda: re.search(r" on (https?)://(.*):(\d+)$", self.told(), re.M))
        self.port = int(found[3])

    def told(self):
        return pathlib.Path(self.path("stderr")).read_text()

    def waits_for(self, what, limit=60):
        until = time.monotonic() + limit
        while time.monotonic() < until:
            found = what()
            if found:
                return found
            if self.node.poll() is not None:
                self.fail(f"ended with {self.node.returncode}: {self.told()}")
            time.sleep(0.02)
        self.fail(f"did not come in time: {self.told()}")

    def stop(self, node):
        if node.poll() is None:
            node.terminate()
        self.assertEqual(node.wait(120), 0, self.told())

    def refuses(self, code, says, *args):
        run = subprocess.run([serve, "--artifact", self.artifact, "--listen", "127.0.0.1:0", *args],
                             capture_output=True, text=True, timeout=120)
        self.assertEqual(run.returncode, code, run.stderr)
        self.assertRegex(run.stderr.splitlines()[0], "^daogou-serve: .*" + says)

    def ask(self, path, token=None, method="GET", body=None, headers=(), context=None, port=None):
        make = http.client.HTTPSConnection if context else http.client.HTTPConnection
        more = {"context": context} if context else {}
        connection = make("127.0.0.1", port or self.port, timeout=120, **more)
        head = dict(headers)
        if token:
            head["Authorization"] = f"Bearer {token}"
        try:
            connection.request(method, path, body=body, headers=head)
            return Answer(connection.getresponse())
        finally:
            connection.close()

    def series(self, **how):
        """The page of metrics, checked line by line: {name{labels}: value}."""
        page = self.ask("/metrics", **how)
        self.assertEqual(page.headers["Content-Type"], "text/plain; version=0.0.4; charset=utf-8")
        return self.parse_metrics(page.body.decode())

    def parse_metrics(self, text):
        label = r'[a-zA-Z_]\w*="(?:[^"\\\n]|\\["\\n])*"'
        sample = re.compile(r"([a-zA-Z_:][\w:]*)(?:\{(%s(?:,%s)*)\})? (\S+)" % (label, label))
        found, family, kinds = {}, None, {}
        self.assertTrue(text.endswith("\n"))
        for line in text.splitlines():
            if line.startswith("# HELP "):
                family = line.split()[2]
                self.assertNotIn(family, kinds, "a family comes once")
                kinds[family] = None
            elif line.startswith("# TYPE "):
                _, _, name, kind = line.split()
                self.assertEqual(name, family)
                self.assertIn(kind, ("counter", "gauge", "histogram"))
                kinds[family] = kind
            else:
                part = sample.fullmatch(line)
                self.assertTrue(part, line)
                name = re.sub("_(bucket|sum|count)$", "", part[1]) if kinds[family] == "histogram" \
                    else part[1]
                self.assertEqual(name, family, line)
                self.assertNotIn((part[1], part[2]), found)
                found[part[1], part[2]] = float(part[3])
        return {f"{name}{{{labels}}}" if labels else name: v for (name, labels), v in found.items()}


class WhoMayAsk(Case):
    def test_without_a_token_nothing_but_health_answers(self):
        read, events = self.token("web", "read"), self.token("feed", "events")
        admin, late = self.token("ops", "admin"), self.token("late", "read", "2020-01-01")
        self.start("--tokens", self.path("tokens"))
        for path in ("/healthz", "/readyz"):
            self.assertEqual(self.ask(path).status, 200)
        paths = ("/v1/recommend/u2", "/v1/similar/item%207", "/v1/similar-users/u2", "/v1/model",
                 "/v1/explain/u2/item%207", "/metrics", "/", "/none", "/healthz/", "//healthz",
                 "/v1/../healthz", "/%68ealthz", "/healthz%2f../v1/model")
        for path in paths:
            for method in ("GET", "HEAD", "POST", "OPTIONS", "DELETE"):
                answer = self.ask(path, method=method)
                self.assertEqual(answer.status, 401, (method, path))
                self.assertEqual(answer.headers["WWW-Authenticate"], "Bearer")
        self.assertEqual(self.ask("/v1/model").code, "no_token")
        self.assertEqual(self.ask("/v1/model", read[:-1] + "!").code, "bad_token")
        self.assertEqual(self.ask("/v1/model", late).code, "expired_token")
        self.assertEqual(self.ask("/v1/recommend", None, "POST", "{").status, 401)
        for token, path, method, status in (
                (read, "/v1/recommend/u2", "GET", 200), (read, "/metrics", "GET", 200),
                (read, "/none", "GET", 404), (read, "/v1/admin/reload", "POST", 403),
                (events, "/v1/recommend/u2", "GET", 403), (events, "/v1/admin/reload", "POST", 403),
                (admin, "/v1/recommend/u2", "GET", 200), (admin, "/v1/admin/reload", "POST", 200)):
            answer = self.ask(path, token, method)
            self.assertEqual(answer.status, status, (path, answer.body))
        self.assertEqual(self.ask("/v1/admin/reload", read, "POST").code, "wrong_role")

    def test_a_token_is_given_and_taken_back_while_the_node_runs(self):
        old = self.token("web", "read")
        self.start("--tokens", self.path("tokens"))
        self.assertEqual(self.ask("/v1/model", old).status, 200)
        new = self.token("web2", "read")
        self.waits_for(lambda: self.ask("/v1/model", new).status == 200)
        lines = pathlib.Path(self.path("tokens")).read_text().splitlines()
        self.write("tokens", "\n".join(["this is no line of it", *lines]))
        self.waits_for(lambda: "tokens:1: expected NAME" in self.told())
        self.assertEqual(self.ask("/v1/model", old).status, 200)
        self.write("tokens", "".join(l + "\n" for l in lines if l.startswith("web2 ")))
        self.waits_for(lambda: self.ask("/v1/model", old).status == 401)
        self.assertEqual(self.ask("/v1/model", new).status, 200)

    def test_an_address_that_others_reach_needs_tokens_and_tls(self):
        self.token("web", "read")
        self.refuses(78, "can be reached from other machines, where anybody", "--listen",
                     "0.0.0.0:0")
        self.refuses(78, "without TLS", "--listen", "0.0.0.0:0", "--tokens", self.path("tokens"))
        self.refuses(77, "others than its owner", "--tokens", self.write("t", "", 0o666))
        self.refuses(66, "tokens", "--tokens", self.path("no-tokens"))
        self.start("--listen", "0.0.0.0:0", "--insecure")
        self.assertEqual(self.ask("/v1/model").status, 200)

    def test_requests_are_limited_by_token(self):
        one, other = self.token("one", "read"), self.token("other", "read")
        self.start("--tokens", self.path("tokens"), "--rate", "0.5", "--burst", "3")
        found = [self.ask("/v1/model", one) for _ in range(5)]
        self.assertEqual([a.status for a in found], [200, 200, 200, 429, 429])
        self.assertEqual(found[-1].code, "too_many")
        self.assertIn(found[-1].headers["Retry-After"], ("1", "2"))
        self.assertEqual(self.ask("/v1/model", other).status, 200)
        self.assertEqual(self.ask("/healthz").status, 200)
        guesses = [self.ask("/v1/model", "dgt_" + "x" * 43).status for _ in range(5)]
        self.assertEqual(guesses, [401, 401, 401, 429, 429])

    def test_the_process_gives_up_what_it_does_not_need(self):
        if os.getuid() == 0 and not sanitized:
            user = ("--user", "nobody")
        else:
            user = ()
        self.start(*user)
        self.assertEqual(self.ask("/v1/recommend/u2").status, 200)
        facts = dict(line.split(":\t", 1) for line in
                     pathlib.Path(f"/proc/{self.node.pid}/status").read_text().splitlines()
                     if ":\t" in line)
        self.assertEqual(facts["NoNewPrivs"], "1")
        if not sanitized:
            self.assertEqual(facts["Seccomp"], "2")
        if user:
            self.assertNotIn("0", facts["Uid"].split())
            self.assertEqual(int(facts["CapEff"], 16), 0)
        self.refuses(78, 'no user "nobody-like-that"', "--user", "nobody-like-that")


@unittest.skipUnless(shutil.which("openssl"), "openssl is not installed")
class Encrypted(Case):
    def certificate(self, name, issuer=None, days="2"):
        """NAME.pem and NAME.key; signed by an issuer, or its own authority."""
        subject = ["openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
                   "-nodes", "-keyout", self.path(f"{name}.key"), "-subj", f"/CN={name}"]
        if issuer is None:
            line = [*subject, "-x509", "-days", days, "-out", self.path(f"{name}.pem"), "-addext",
                    "subjectAltName=IP:127.0.0.1"]
            subprocess.run(line, check=True, capture_output=True)
        else:
            subprocess.run([*subject, "-out", self.path("csr")], check=True, capture_output=True)
            extension = self.write("ext", "subjectAltName=IP:127.0.0.1\n")
            subprocess.run(["openssl", "x509", "-req", "-in", self.path("csr"), "-days", days, "-CA",
                            self.path(f"{issuer}.pem"), "-CAkey", self.path(f"{issuer}.key"),
                            "-CAcreateserial", "-extfile", extension, "-out",
                            self.path(f"{name}.pem")], check=True, capture_output=True)
        os.chmod(self.path(f"{name}.key"), 0o600)

    def files(self, name):
        return ("--tls-cert", self.path(f"{name}.pem"), "--tls-key", self.path(f"{name}.key"))

    def client(self, *trusted, own=None):
        context = ssl.create_default_context()
        for name in trusted:
            context.load_verify_locations(self.path(f"{name}.pem"))
        if own:
            context.load_cert_chain(self.path(f"{own}.pem"), self.path(f"{own}.key"))
        return context

    def test_answers_are_encrypted_and_the_certificate_can_be_replaced(self):
        self.certificate("old")
        self.certificate("new")
        for kind in (".pem", ".key"):
            shutil.copy(self.path(f"old{kind}"), self.path(f"now{kind}"))
        self.start(*self.files("now"), "--threads", "2")
        self.assertEqual(self.ask("/v1/recommend/u2", context=self.client("old")).status, 200)
        with self.assertRaises((http.client.HTTPException, ConnectionError)):
            self.ask("/v1/model")  # plain HTTP
        with self.assertRaises(ssl.SSLError):
            self.ask("/v1/model", context=self.client("new"))
        weak = self.client("old")
        warnings.simplefilter("ignore", DeprecationWarning)
        weak.minimum_version = ssl.TLSVersion.TLSv1
        weak.maximum_version = ssl.TLSVersion.TLSv1_1
        weak.set_ciphers("ALL:@SECLEVEL=0")
        with self.assertRaises((ssl.SSLError, ConnectionError)):
            self.ask("/v1/model", context=weak)
        kept = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=120,
                                           context=self.client("old"))
        kept.request("GET", "/healthz")
        kept.getresponse().read()
        for kind in (".key", ".pem"):  # between the two they are no pair: the old ones stay
            shutil.copy(self.path(f"new{kind}"), self.path(f"now{kind}"))
            self.node.send_signal(signal.SIGHUP)
            if kind == ".key":
                self.waits_for(lambda: "not the key of the certificate" in self.told())
                self.assertEqual(self.ask("/healthz", context=self.client("old")).status, 200)

        def shows_new():
            try:
                return self.ask("/healthz", context=self.client("new")).status == 200
            except ssl.SSLError:
                return False

        self.waits_for(shows_new)
        kept.request("GET", "/v1/model")  # a connection from before goes on
        self.assertEqual(kept.getresponse().status, 200)
        kept.close()
        expiry = self.series(context=self.client("new"))
        self.assertGreater(expiry["daogou_certificate_expiry_timestamp_seconds"], time.time())

    def test_only_clients_of_the_authority_may_connect(self):
        self.certificate("shop")
        self.certificate("node", "shop")
        self.certificate("web", "shop")
        self.certificate("stranger")
        self.start(*self.files("node"), "--tls-client-ca", self.path("shop.pem"), "--listen",
                   "0.0.0.0:0", "--insecure")
        self.assertEqual(self.ask("/v1/model", context=self.client("shop", own="web")).status, 200)
        for own in (None, "stranger"):
            with self.assertRaises((ssl.SSLError, ConnectionError, http.client.HTTPException)):
                self.ask("/healthz", context=self.client("shop", own=own))
        self.assertEqual(self.ask("/v1/model", context=self.client("shop", own="web")).status, 200)

    def test_files_that_cannot_be_used_are_one_sentence(self):
        self.certificate("one")
        self.certificate("other")
        self.refuses(65, "other.key: not the key of the certificate in .*one.pem", "--tls-cert",
                     self.path("one.pem"), "--tls-key", self.path("other.key"))
        self.refuses(65, "one.key: not a certificate chain", "--tls-cert", self.path("one.key"),
                     "--tls-key", self.path("one.key"))
        self.refuses(64, "together", "--tls-cert", self.path("one.pem"))
        os.chmod(self.path("one.key"), 0o644)
        self.refuses(77, "anybody may read this private key", *self.files("one"))


class WrittenDown(Case):
    def test_metrics_are_what_was_asked(self):
        self.start()
        for path, times in (("/v1/recommend/u2", 3), ("/v1/recommend/nobody", 2),
                            ("/v1/similar/none", 1), ("/v1/recommend/u2?k=0", 1), ("/none", 1)):
            for _ in range(times):
                self.ask(path)
        found = self.series()
        self.assertEqual(found['daogou_lists_total{arm="champion",step="user"}'], 3)
        self.assertEqual(found['daogou_lists_total{arm="champion",step="popular"}'], 2)
        self.assertEqual(found['daogou_errors_total{code="unknown_item"}'], 1)
        self.assertEqual(found['daogou_errors_total{code="bad_parameter"}'], 1)
        self.assertEqual(found['daogou_responses_total{status="200"}'], 5)
        self.assertEqual(found['daogou_responses_total{status="404"}'], 2)
        route = 'route="/v1/recommend/{user}",method="GET"'
        self.assertEqual(found[f"daogou_request_seconds_count{{{route}}}"], 6)
        buckets = [v for k, v in found.items()
                   if k.startswith(f"daogou_request_seconds_bucket{{{route},")]
        self.assertEqual(buckets, sorted(buckets))
        self.assertEqual(buckets[-1], 6)
        self.assertLess(found[f"daogou_request_seconds_sum{{{route}}}"], 6)
        [model] = [k for k in found if k.startswith("daogou_model_info{")]
        self.assertIn(self.ask("/v1/model").json["content_digest"][:16], model)
        self.assertGreater(found["process_resident_memory_bytes"], 1e6)
        self.assertAlmostEqual(found["process_start_time_seconds"], time.time(), delta=60)
        if shutil.which("promtool"):
            page = self.ask("/metrics").body
            run = subprocess.run(["promtool", "check", "metrics"], input=page, capture_output=True)
            self.assertEqual((run.returncode, run.stdout, run.stderr), (0, b"", b""))

    def test_the_access_log_has_every_request_and_no_user(self):
        self.start("--access-log", self.path("access"))
        self.ask("/v1/recommend/u2", headers={"X-Request-Id": "mine-1"})
        other = self.ask("/v1/recommend/secret%20somebody?k=0", headers={"X-Request-Id": "b{a}d"})
        self.assertRegex(other.headers["X-Request-Id"], "^[0-9a-f]{16}$")
        self.waits_for(lambda: len(self.lines("access")) == 2)
        first, second = self.lines("access")
        self.assertEqual({k: first[k] for k in ("request", "address", "method", "route", "status",
                                                "code", "arm")},
                         {"request": "mine-1", "address": "127.0.0.1", "method": "GET",
                          "route": "/v1/recommend/{user}", "status": 200, "code": "",
                          "arm": "champion"})
        self.assertEqual((second["status"], second["code"], second["request"]),
                         (400, "bad_parameter", other.headers["X-Request-Id"]))
        self.assertNotIn("secret", pathlib.Path(self.path("access")).read_text())
        os.rename(self.path("access"), self.path("access.1"))
        self.node.send_signal(signal.SIGHUP)
        self.waits_for(lambda: os.path.exists(self.path("access")))
        self.ask("/healthz")
        self.waits_for(lambda: len(self.lines("access")) == 1)
        self.assertEqual(len(self.lines("access.1")), 2)

    def lines(self, name):
        return [json.loads(line) for line in pathlib.Path(self.path(name)).read_text().splitlines()]

    def test_impressions_say_what_was_shown_to_whom_by_which_policy(self):
        self.start("--impressions", self.path("shown"))
        shown = self.ask("/v1/recommend/u2?k=3", headers={"X-Request-Id": "r1"}).json
        self.ask("/v1/similar/item%207?k=2")
        self.ask("/v1/recommend/u2?k=0")
        self.waits_for(lambda: len(self.lines("shown")) == 2)
        first, second = self.lines("shown")
        self.assertEqual(first["items"], [{"item": i["item"], "position": i["rank"],
                                           "score": first["items"][k]["score"]}
                                          for k, i in enumerate(shown["items"])])
        for one, other in zip(first["items"], shown["items"]):
            self.assertAlmostEqual(one["score"], other["score"], places=5)
        del first["items"], first["time"]
        self.assertEqual(first, {"v": 1, "request": "r1", "shown": True, "user": "u2",
                                 "model": "fixture", "version": shown["version"],
                                 "arm": "champion", "experiment": "", "propensity": 1,
                                 "route": "/v1/recommend/{user}", "source": "user",
                                 "context": {"k": 3, "exclude_seen": True}})
        self.assertEqual(second["context"]["item"], "item 7")
        self.assertNotIn("user", second)
        self.ask("/v1/recommend/batch", method="POST", body='{"users": ["u3", "u4"], "k": 2}')
        self.ask("/v1/recommend", method="POST", body='{"session": ["item 7"], "k": 2}')
        self.waits_for(lambda: len(self.lines("shown")) >= 4)
        found = self.lines("shown")[2:]
        self.assertEqual([line.get("user") for line in found][:2], ["u3", "u4"])
        self.assertEqual({len(line["items"]) for line in found}, {2})
        self.assertEqual([line["context"].get("item") for line in found], [None] * len(found))

    def test_users_of_impressions_can_be_pseudonyms(self):
        key = self.write("key", "daogou-pseudonym-key " + "11" * 32 + "\n", 0o600)
        self.start("--impressions", self.path("shown"), "--pseudonym-key", key)
        for user in ("u2", "u3", "u2"):
            self.ask(f"/v1/recommend/{user}")
        self.waits_for(lambda: len(self.lines("shown")) == 3)
        a, b, c = (line["user"] for line in self.lines("shown"))
        self.assertRegex(a, "^[0-9a-f]{32}$")
        known = subprocess.run([daogou, "reidentify", "--key", key, "--ids", "-", a], text=True,
                               input="u1\nu2\nu3\n", stdout=subprocess.PIPE, check=True)
        self.assertIn("u2", known.stdout.split())
        self.assertEqual(a, c)
        self.assertNotEqual(a, b)
        self.refuses(77, "can reach", "--impressions", self.path("shown"),
                     "--pseudonym-key", self.write("short", "k"))

    def test_the_audit_log_is_a_chain_that_verify_checks(self):
        admin = self.token("ops", "admin")
        options = ("--audit-log", self.path("audit"), "--tokens", self.path("tokens"))
        self.start(*options)
        self.assertEqual(self.ask("/v1/admin/reload", admin, "POST").status, 200)
        self.token("more", "read")
        self.waits_for(lambda: len(self.lines("audit")) == 3)
        self.refuses(69, "another process writes this audit log", "--audit-log", self.path("audit"))
        self.stop(self.node)
        found = self.lines("audit")
        self.assertEqual([line["what"] for line in found], ["start", "reload", "tokens", "stop"])
        self.assertEqual((found[1]["by"], found[2]["tokens"], found[3]["by"]), ("ops", 2, "TERM"))
        self.start(*options)
        self.stop(self.node)
        run = subprocess.run([daogou, "verify", "--json", self.path("audit")], capture_output=True)
        self.assertEqual(json.loads(run.stdout)["files"][0]["lines"], 6)
        text = pathlib.Path(self.path("audit")).read_text().replace('"tokens":2', '"tokens":1')
        self.write("changed", text)
        run = subprocess.run([daogou, "verify", self.path("changed")], capture_output=True)
        self.assertEqual(run.returncode, 65)
        self.assertIn(b"changed:4: does not follow", run.stderr)
        self.refuses(65, "does not follow the line before", "--audit-log", self.path("changed"))

    def test_a_service_manager_is_told(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.bind(self.path("notify"))
            manager.settimeout(20)
            self.start(env={"NOTIFY_SOCKET": self.path("notify")})
            self.assertEqual(manager.recv(100), b"READY=1")
            self.stop(self.node)
            self.assertEqual(manager.recv(100), b"STOPPING=1")


class Signals(Case):
    def test_a_signal_that_comes_while_none_is_waited_for_ends_no_node(self):
        self.token("a", "read")
        many = {"OPENBLAS_NUM_THREADS": "2"}  # a thread that is there before the program's first line
        self.start("--tokens", self.path("tokens"), "--audit-log", self.path("audit"), env=many)
        for _ in range(300):  # most while the one before is seen to
            self.node.send_signal(signal.SIGHUP)
            time.sleep(rng.uniform(0, 0.002))
        self.assertEqual(self.ask("/healthz").status, 200)
        for wait in range(20):  # to stop: at any time from when it has begun
            node = subprocess.Popen([serve, "--artifact", self.artifact, "--listen", "127.0.0.1:0"],
                                    stderr=subprocess.PIPE, env={**os.environ, **many})
            time.sleep(0.004 * wait)
            caught = self.catches(node.pid, signal.SIGTERM)
            node.terminate()
            node.communicate()
            if caught:
                self.assertEqual(node.returncode, 0, wait)

    def catches(self, pid, number):
        status = pathlib.Path(f"/proc/{pid}/status").read_text()
        return int(re.search(r"SigCgt:\s*(\w+)", status)[1], 16) >> (number - 1) & 1


class Overloaded(Case):
    def test_what_waited_too_long_is_refused_at_once_and_health_is_not(self):
        self.start("--longest-wait", "0.3s")
        waiting = socket.create_connection(("127.0.0.1", self.port), timeout=120)
        health = socket.create_connection(("127.0.0.1", self.port), timeout=120)
        self.node.send_signal(signal.SIGSTOP)  # stands for a node that has too much to do
        state = pathlib.Path(f"/proc/{self.node.pid}/stat")
        self.waits_for(lambda: state.read_text().rsplit(")", 1)[1].split()[0] == "T")
        fresh = socket.create_connection(("127.0.0.1", self.port), timeout=120)
        fresh.sendall(b"GET /v1/recommend/u2 HTTP/1.1\r\nHost: x\r\n\r\n")
        waiting.sendall(b"GET /v1/recommend/u2 HTTP/1.1\r\nHost: x\r\n\r\n")
        health.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        time.sleep(0.8)
        self.node.send_signal(signal.SIGCONT)
        for one in (waiting, fresh):
            refused = one.recv(4096)
            self.assertTrue(refused.startswith(b"HTTP/1.1 503 "), refused)
            self.assertIn(b"\r\nRetry-After: 1\r\n", refused)
        self.assertTrue(health.recv(4096).startswith(b"HTTP/1.1 200 "))
        waiting.sendall(b"GET /v1/recommend/u2 HTTP/1.1\r\nHost: x\r\n\r\n")
        self.assertTrue(waiting.recv(4096).startswith(b"HTTP/1.1 200 "))
        for one in (waiting, fresh, health):
            one.close()
        self.assertEqual(self.series()['daogou_errors_total{code="overloaded"}'], 2)

    def test_one_address_has_a_share_of_the_connections(self):
        self.start("--per-address", "3")
        mine = [socket.create_connection(("127.0.0.1", self.port), timeout=120) for _ in range(3)]
        for one in mine:
            one.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            self.assertTrue(one.recv(4096).startswith(b"HTTP/1.1 200 "))
        with self.assertRaises((ConnectionError, http.client.HTTPException)):
            self.ask("/healthz")
        other = socket.create_connection(("127.0.0.1", self.port), timeout=120,
                                         source_address=("127.0.0.2", 0))
        other.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        self.assertTrue(other.recv(4096).startswith(b"HTTP/1.1 200 "))
        for one in [*mine, other]:
            one.close()


class TwoModels(Case):
    """Versions of a registry; of each, all goods and scores are its own."""
    USERS = 400

    def setUp(self):
        super().setUp()
        self.event, self.names = 0, {}
        for k in range(4):
            self.version(k)

    def version(self, k):
        name = f"20261122T00000{k}Z-{k:08x}"
        os.makedirs(self.path(f"registry/shop/{name}"))
        made(self.path(f"registry/shop/{name}/artifact.h5"), self.USERS, 60, 6, 100 + k)
        self.names[k] = name

    def switch(self, champion, challenger=None):
        self.event += 1
        now = {"event": self.event, "what": "publish", "champion": self.names[champion],
               "challenger": self.names[challenger] if challenger is not None else ""}
        self.write("registry/shop/CURRENT.new", json.dumps(now) + "\n")
        os.rename(self.path("registry/shop/CURRENT.new"), self.path("registry/shop/CURRENT"))

    def start_shop(self, *args):
        self.start("--registry", self.path("registry"), "--model", "shop", "--look-every", "0.01s",
                   *args, artifact=False)

    def answers(self, users=range(USERS)):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        found = {}
        for user in users:
            connection.request("GET", f"/v1/recommend/u{user}?k=5")
            answer = Answer(connection.getresponse())
            self.assertEqual(answer.status, 200, answer.body)
            found[user] = answer.json
        connection.close()
        return found

    def test_each_user_always_meets_the_same_arm(self):
        self.switch(0, 1)
        self.start_shop("--challenger", "25%", "--experiment", "a", "--impressions",
                        self.path("shown"), "--audit-log", self.path("audit"))
        self.waits_for(lambda: "as challenger" in self.told())
        first, again = self.answers(), self.answers()
        self.assertEqual({u: a["arm"] for u, a in first.items()},
                         {u: a["arm"] for u, a in again.items()})
        arms = collections.Counter(a["arm"] for a in first.values())
        self.assertEqual(set(arms), {"champion", "challenger"})
        self.assertAlmostEqual(arms["challenger"], 0.25 * self.USERS, delta=36)  # four deviations
        for answer in first.values():
            self.assertEqual(answer["version"], self.names[answer["arm"] == "challenger"])
        found = self.series()
        for arm, n in arms.items():
            self.assertEqual(found[f'daogou_arm_requests_total{{arm="{arm}"}}'], 2 * n)
        self.waits_for(lambda: len(self.shown()) == 2 * self.USERS)
        for line in self.shown():
            self.assertEqual(line["arm"], first[int(line["user"][1:])]["arm"])
            self.assertEqual(line["propensity"], 0.25 if line["arm"] == "challenger" else 0.75)
            self.assertEqual(line["experiment"], "a")
        self.switch(1)  # the challenger has won: all meet it, as champion
        self.waits_for(lambda: "none in place of" in self.told())
        for answer in self.answers().values():
            self.assertEqual((answer["arm"], answer["version"]), ("champion", self.names[1]))
        lines = [json.loads(l) for l in pathlib.Path(self.path("audit")).read_text().splitlines()]
        self.assertEqual([(l["arm"], l["from"], l["to"]) for l in lines if l["what"] == "swap"],
                         [("challenger", "none", self.names[1]),
                          ("champion", self.names[0], self.names[1]),
                          ("challenger", self.names[1], "none")])

    def test_who_is_not_drawn_for_meets_the_champion_for_certain(self):
        self.switch(0, 1)
        self.start_shop("--challenger", "90%", "--impressions", self.path("shown"))
        self.waits_for(lambda: "as challenger" in self.told())
        self.assertEqual(self.ask("/v1/similar/item%207?k=2").status, 200)
        self.ask("/v1/recommend/batch", method="POST", body='{"users": ["u3", "u4"], "k": 2}')
        self.waits_for(lambda: len(self.shown()) == 3)
        self.assertEqual({(line["arm"], line["propensity"]) for line in self.shown()},
                         {("champion", 1)})

    def shown(self):
        text = pathlib.Path(self.path("shown")).read_text()
        return [json.loads(line) for line in text.splitlines()]

    def test_a_shadow_answers_to_nobody(self):
        self.switch(0, 1)
        self.start_shop("--shadow", "--impressions", self.path("shown"))
        self.waits_for(lambda: "as challenger" in self.told())
        users = range(50)
        for answer in self.answers(users).values():
            self.assertEqual((answer["arm"], answer["version"]), ("champion", self.names[0]))
        self.waits_for(lambda: len(self.shown()) == 100)
        by = collections.Counter((l["shown"], l["version"]) for l in self.shown())
        self.assertEqual(by, {(True, self.names[0]): 50, (False, self.names[1]): 50})
        found = self.series()
        self.assertEqual(found["daogou_shadow_overlap_count"], 50)
        self.assertEqual(found["daogou_shadow_dropped_total"], 0)

    def test_what_cannot_be_served_is_refused_and_the_old_one_stays(self):
        good = self.names[0]
        self.switch(0)
        self.start_shop("--audit-log", self.path("audit"))
        whole = pathlib.Path(self.path(f"registry/shop/{self.names[1]}/artifact.h5"))
        bytes_of = whole.read_bytes()
        for damaged in (bytes_of[:len(bytes_of) // 2], b"", bytes_of[:5000] + b"x" + bytes_of[5001:]):
            whole.write_bytes(damaged)
            self.switch(1)
            event = self.event
            self.waits_for(lambda: self.told().count("cannot serve") == event - 1)
            self.assertEqual(self.answers(range(3))[1]["version"], good)
        lines = [json.loads(l) for l in pathlib.Path(self.path("audit")).read_text().splitlines()]
        self.assertEqual([l["what"] for l in lines], ["start", "refused", "refused", "refused"])
        whole.unlink()
        whole.with_name("new").write_bytes(bytes_of)
        whole.with_name("new").rename(whole)
        self.switch(1)
        self.waits_for(lambda: self.answers([1])[1]["version"] == self.names[1])

    def test_swaps_under_load_fail_no_request_and_mix_no_answer(self):
        """Every answer is, good by good, what the version it names says alone."""
        swaps = 1000 if long_form else 60
        users = range(0, self.USERS, 10)
        expected = {}
        for k in (0, 1):
            self.artifact = self.path(f"registry/shop/{self.names[k]}/artifact.h5")
            self.start()
            for user, answer in self.answers(users).items():
                expected[self.names[k], user] = answer["items"]
            self.stop(self.node)
        self.switch(0)
        self.start_shop()
        over, wrong, met = threading.Event(), [], collections.Counter()

        def ask_on():
            while not over.is_set():
                try:
                    for user, answer in self.answers(users).items():
                        met[answer["version"]] += 1
                        if answer["items"] != expected[answer["version"], user]:
                            wrong.append((user, answer))
                except Exception as e:
                    wrong.append(e)

        askers = [threading.Thread(target=ask_on) for _ in range(4)]
        for asker in askers:
            asker.start()
        for k in range(1, swaps + 1):
            before = self.told().count("in place of")
            self.switch(k % 2)
            self.waits_for(lambda: self.told().count("in place of") > before)
        over.set()
        for asker in askers:
            asker.join()
        self.assertEqual(wrong, [])
        self.assertEqual(self.series()['daogou_swaps_total{arm="champion"}'], swaps)
        self.assertGreater(min(met.values()), 50)
        if long_form:
            print(f"{swaps} swaps, {sum(met.values())} answers, none failed or mixed")


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[5:]])
