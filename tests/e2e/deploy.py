"""The files under jobs/deploy fit together, fit the node, and are safe as they stand.

usage: deploy.py DAOGOU_SERVE MAKE_ARTIFACT SOURCE
"""
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
import urllib.request

SKIPPED = 77
try:
    import yaml
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(SKIPPED)

serve, make_artifact, source = sys.argv[1:4]
deploy = pathlib.Path(source) / "jobs/deploy"
flags = set(re.findall(r"(--[a-z-]+)", subprocess.check_output([serve, "--help"], text=True)))


def read(name):
    return (deploy / name).read_text()


def manifests():
    return {m["kind"]: m for m in yaml.safe_load_all(read("kubernetes/daogou-serve.yaml"))}


def flags_of(words):
    return {w.split("=")[0] for w in words if w.startswith("--")}


class Kubernetes(unittest.TestCase):
    def setUp(self):
        self.all = manifests()
        self.pod = self.all["Deployment"]["spec"]["template"]["spec"]
        [self.node] = self.pod["containers"]

    def test_every_kind_is_there_under_one_label(self):
        wanted = {"ConfigMap": "v1", "ServiceAccount": "v1", "Deployment": "apps/v1",
                  "Service": "v1", "HorizontalPodAutoscaler": "autoscaling/v2",
                  "PodDisruptionBudget": "policy/v1", "NetworkPolicy": "networking.k8s.io/v1"}
        self.assertEqual({kind: m["apiVersion"] for kind, m in self.all.items()}, wanted)
        label = {"app.kubernetes.io/name": "daogou-serve"}
        for kind, m in self.all.items():
            self.assertEqual(set(m) - {"spec", "data", "automountServiceAccountToken"},
                             {"apiVersion", "kind", "metadata"}, kind)
            self.assertEqual(m["metadata"]["labels"], label)
            self.assertEqual(m["metadata"]["name"], "daogou-serve")
        spec = self.all["Deployment"]["spec"]
        self.assertEqual(spec["template"]["metadata"]["labels"], label)
        for selector in (spec["selector"]["matchLabels"], self.all["Service"]["spec"]["selector"],
                         self.all["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"],
                         self.all["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"]):
            self.assertEqual(selector, label)
        target = self.all["HorizontalPodAutoscaler"]["spec"]["scaleTargetRef"]
        self.assertEqual((target["kind"], target["name"]), ("Deployment", "daogou-serve"))

    def test_names_that_refer_to_each_other_are_there(self):
        ports = {p["name"]: p["containerPort"] for p in self.node["ports"]}
        self.assertIn(f"--listen=0.0.0.0:{ports['https']}", self.node["args"])
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            self.assertIn(self.node[probe]["httpGet"]["port"], ports)
            self.assertEqual(self.node[probe]["httpGet"]["scheme"], "HTTPS")
        self.assertEqual(self.node["livenessProbe"]["httpGet"]["path"], "/healthz")
        self.assertEqual(self.node["readinessProbe"]["httpGet"]["path"], "/readyz")
        for port in self.all["Service"]["spec"]["ports"]:
            self.assertIn(port["targetPort"], ports)
        for rule in self.all["NetworkPolicy"]["spec"]["ingress"]:
            for port in rule["ports"]:
                self.assertIn(port["port"], ports)
        volumes = {v["name"] for v in self.pod["volumes"]}
        mounts = {m["name"]: m["mountPath"] for m in self.node["volumeMounts"]}
        self.assertEqual(volumes, set(mounts))
        for argument in self.node["args"]:
            path = argument.partition("=")[2]
            if path.startswith("/"):
                self.assertTrue(any(path.startswith(m) for m in mounts.values()), argument)
        keys = self.all["ConfigMap"]["data"]
        known = {e["name"]: e["valueFrom"]["configMapKeyRef"] for e in self.node["env"]}
        for name, ref in known.items():
            self.assertEqual(ref["name"], self.all["ConfigMap"]["metadata"]["name"])
            self.assertIsInstance(keys[ref["key"]], str)
        self.assertEqual(set(re.findall(r"\$\((\w+)\)", " ".join(self.node["args"]))), set(known))
        self.assertLessEqual(flags_of(self.node["args"]), flags)

    def test_the_pod_has_no_more_rights_than_it_needs(self):
        self.assertTrue(self.pod["securityContext"]["runAsNonRoot"])
        self.assertGreater(self.pod["securityContext"]["runAsUser"], 0)
        self.assertEqual(self.pod["securityContext"]["seccompProfile"], {"type": "RuntimeDefault"})
        self.assertFalse(self.pod["automountServiceAccountToken"])
        self.assertEqual(self.node["securityContext"],
                         {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True,
                          "privileged": False, "capabilities": {"drop": ["ALL"]}})
        for kind in ("requests", "limits"):
            self.assertLessEqual({"cpu", "memory"}, set(self.node["resources"][kind]))
        for volume in self.pod["volumes"]:
            if "secret" in volume:
                self.assertEqual(volume["secret"]["defaultMode"], 0o440)  # others may not read keys
        self.assertEqual(self.all["NetworkPolicy"]["spec"]["egress"], [])
        given = flags_of(self.node["args"])
        self.assertLessEqual({"--tokens", "--tls-cert", "--tls-key"}, given)
        self.assertNotIn("--insecure", given)
        stop = self.pod["terminationGracePeriodSeconds"]
        self.assertGreater(stop, 10)  # what the node takes for its farewell


class Container(unittest.TestCase):
    def setUp(self):
        self.text = re.sub(r"\\\n", " ", read("Containerfile"))
        self.lines = [l for l in self.text.splitlines() if l and not l.startswith("#")]

    def test_the_last_stage_runs_the_node_as_nobody_in_exec_form(self):
        stages = [l for l in self.lines if l.startswith("FROM ")]
        self.assertEqual(len(stages), 2)
        for stage in stages:
            self.assertIn("debian:12", stage)
        last = self.lines[self.lines.index(stages[1]):]
        [user] = [l.split()[1] for l in last if l.startswith("USER ")]
        self.assertRegex(user, r"^[1-9]\d+:[1-9]\d+$")
        pod = manifests()["Deployment"]["spec"]["template"]["spec"]
        self.assertEqual(int(user.split(":")[0]), pod["securityContext"]["runAsUser"])
        words = {}
        for what in ("ENTRYPOINT", "CMD"):
            [line] = [l for l in last if l.startswith(what + " ")]
            words[what] = json.loads(line.partition(" ")[2])
        self.assertEqual(words["ENTRYPOINT"], ["/usr/bin/daogou-serve"])
        self.assertLessEqual(flags_of(words["CMD"]), flags)

    @unittest.skipUnless(shutil.which("dpkg"), "not a Debian")
    def test_the_last_stage_has_every_library_that_the_node_links(self):
        text = subprocess.check_output(["objdump", "-p", serve], text=True)
        libraries = set(re.findall(r"NEEDED\s+(\S+)", text)) - {"libc.so.6", "libm.so.6"}
        libraries = {l for l in libraries if not re.match("lib(asan|ubsan)", l)}
        found = subprocess.run(["dpkg", "-S", *libraries], capture_output=True, text=True).stdout
        install = self.lines[-1 - [l.startswith("RUN apt-get") for l in self.lines[::-1]].index(True)]
        for library in libraries:
            owners = set(re.findall(r"^([\w.+-]+)(?::\w+)?: .*/%s$" % re.escape(library), found, re.M))
            self.assertTrue(owners & set(install.split()), (library, owners))


class Systemd(unittest.TestCase):
    def unit(self):
        return re.sub(r"\\\n", " ", read("daogou-serve.service"))

    def test_its_line_is_one_that_the_node_takes(self):
        [line] = re.findall(r"^ExecStart=(.*)$", self.unit(), re.M)
        self.assertLessEqual(flags_of(line.split()), flags)
        for setting in ("DynamicUser=yes", "NoNewPrivileges=yes", "ProtectSystem=strict",
                        "SystemCallFilter=@system-service", "CapabilityBoundingSet="):
            self.assertRegex(self.unit(), f"(?m)^{re.escape(setting)}$")
        for path in re.findall(r"--\w+-log (\S+)", line):
            self.assertTrue(path.startswith("/var/log/daogou/"), path)

    @unittest.skipUnless(shutil.which("systemd-analyze"), "systemd-analyze is not installed")
    def test_systemd_finds_it_sound_and_little_exposed(self):
        with tempfile.TemporaryDirectory() as folder:
            unit = pathlib.Path(folder) / "daogou-serve.service"
            unit.write_text(read("daogou-serve.service").replace("/usr/bin/daogou-serve", "/bin/true"))
            run = subprocess.run(["systemd-analyze", "verify", "--man=no", unit],
                                 capture_output=True, text=True)
            self.assertEqual((run.returncode, run.stdout), (0, ""), run.stderr)
            for line in run.stderr.splitlines():  # of other units of this machine it may complain
                self.assertNotIn("daogou-serve", line)
            run = subprocess.run(["systemd-analyze", "security", "--offline=true",
                                  "--threshold=20", unit], capture_output=True, text=True)
            self.assertEqual(run.returncode, 0, run.stdout[-300:])


class Monitoring(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        """Names of series that a live node has, and those it has only with more."""
        with tempfile.TemporaryDirectory() as folder:
            file = f"{folder}/a.h5"
            subprocess.run([make_artifact, file], check=True)
            node = subprocess.Popen([serve, "--artifact", file, "--listen", "127.0.0.1:0",
                                     "--longest-wait", "0"],
                                    stderr=subprocess.PIPE, text=True)
            url = next(l.split()[-1] for l in node.stderr if " on http://" in l)
            page = urllib.request.urlopen(url + "/metrics", timeout=120).read().decode()
            node.terminate()
            node.wait(120)
            node.stderr.close()
        kinds = dict(re.findall(r"^# TYPE (\S+) (\S+)$", page, re.M))
        kinds["daogou_certificate_expiry_timestamp_seconds"] = "gauge"  # with --tls-cert
        kinds["daogou_shadow_overlap"] = "histogram"  # with --shadow
        cls.known = {"up"}
        for name, kind in kinds.items():
            cls.known |= {name} if kind != "histogram" else \
                {f"{name}_{end}" for end in ("bucket", "sum", "count")}

    def check(self, expression):
        bare = re.sub(r"\{[^{}]*(\{user\})?[^{}]*\}|\"[^\"]*\"|\[[^\]]*\]", "", expression)
        bare = re.sub(r"\b(by|without)\s*\([^)]*\)", "", bare)
        names = set(re.findall(r"\b[a-z]\w*_\w+\b(?!\s*\()", bare)) | set(re.findall(r"\bup\b", bare))
        names -= {"histogram_quantile", "label_values"}
        self.assertTrue(names, expression)
        self.assertLessEqual(names, self.known, expression)

    def test_alerts_ask_for_series_that_there_are(self):
        [group] = yaml.safe_load(read("monitoring/alerts.yaml"))["groups"]
        names = [rule["alert"] for rule in group["rules"]]
        self.assertEqual(len(names), len(set(names)))
        for rule in group["rules"]:
            self.check(rule["expr"])
            self.assertIn(rule["labels"]["severity"], ("critical", "warning"))
            self.assertTrue(rule["annotations"]["summary"])

    @unittest.skipUnless(shutil.which("promtool"), "promtool is not installed")
    def test_prometheus_takes_the_alerts(self):
        run = subprocess.run(["promtool", "check", "rules", deploy / "monitoring/alerts.yaml"],
                             capture_output=True, text=True)
        self.assertEqual(run.returncode, 0, run.stdout + run.stderr)

    def test_the_dashboard_asks_for_series_that_there_are(self):
        board = json.loads(read("monitoring/dashboard.json"))
        ids = [p["id"] for p in board["panels"]]
        self.assertEqual(len(ids), len(set(ids)))
        taken = set()
        for panel in board["panels"]:
            place = panel["gridPos"]
            self.assertLessEqual(place["x"] + place["w"], 24)
            cells = {(x, y) for x in range(place["x"], place["x"] + place["w"])
                     for y in range(place["y"], place["y"] + place["h"])}
            self.assertFalse(cells & taken, panel["title"])
            taken |= cells
            for target in panel["targets"]:
                self.check(target["expr"])


unittest.main(argv=sys.argv[:1])
