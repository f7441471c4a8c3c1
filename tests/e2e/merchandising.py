"""Filters, rules, diversity and the ladder on the made-up shop, held against its own tables; and every
file of docs/merchandising.md tried."""
import csv
import json
import os
import re
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request

import harness
from harness import Case, run, write

page = open(os.path.join(harness.source, "docs/merchandising.md"), encoding="utf-8").read()


def blocks(kind):
    return re.findall(rf"^```{kind}\n(.*?)^```$", page, re.M | re.S)


JOB = """name: shop
data:
  ratings: {path: data/events.csv, columns: {user: user, item: item, event: event, time: time, scene: scene}}
""" + "".join(blocks("yaml")[0].splitlines(True)[1:]) \
    .replace("path: goods.csv", "path: data/goods.csv") \
    .replace("path: shoppers.csv", "path: data/shoppers.csv") \
    .replace("prepare: {scenes: true}", "prepare: {scenes: true, split: {method: none}, "
             "event_weights: {view: 1, search: 1, cart: 2, buy: 3}, duplicates: sum}") + """
model: {algorithm: ials, factors: 8, iterations: 4}
"""


class Node:
    """A serving node, stopped at the end of its block; what it says goes to node.log."""

    def __init__(self, *options):
        self.log = open("node.log", "w")
        self.process = subprocess.Popen(
            harness.node_line("--artifact", "runs/shop/artifact.h5", *options), stderr=self.log)
        until = time.monotonic() + 120
        while time.monotonic() < until and self.process.poll() is None:
            found = re.search(r"on (http:\S+)", self.said())
            if found:
                self.url = found[1]
                return
            time.sleep(0.02)
        raise AssertionError(self.said())

    def said(self):
        with open("node.log", encoding="utf-8") as log:
            return log.read()

    def says(self, text, seconds=120):
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if text in self.said():
                return True
            time.sleep(0.05)
        return False

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(120)
        self.log.close()

    def ask(self, path, body=None, **query):
        url = self.url + path + ("?" + urllib.parse.urlencode(query) if query else "")
        data = None if body is None else json.dumps(body).encode()
        try:
            with urllib.request.urlopen(urllib.request.Request(url, data)) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            return json.load(error)


def ids(answer):
    return [good["item"] for good in answer["items"]]


class Merchandising(Case):
    @classmethod
    def setUpClass(cls):
        generated = run("generate", "--preset", "shop-small", "--out", "data", "-q")
        assert generated.code == 0, generated
        with open("data/shoppers.csv", "a", encoding="utf-8") as file:
            file.write("newcomer,30,上海\n")
        with open("data/goods.csv", encoding="utf-8") as file:
            cls.goods = {row["item"]: row for row in csv.DictReader(file)}
        with open("data/shoppers.csv", encoding="utf-8") as file:
            cls.people = {row["user"]: row for row in csv.DictReader(file)}
        with open("data/events.csv", encoding="utf-8") as file:
            cls.events = list(csv.DictReader(file))
        write("shop.yaml", JOB)
        ended = run("run", "shop.yaml", "-q", np=2)
        assert ended.code == 0, ended
        write("stock.csv", "item,stock\n1,0\n2,4\n3,-1\n")
        write("recalled.txt", "4\n5\nnobody\n")
        assert run("verify", "runs/shop/artifact.h5").code == 0

    def passing(self, test):
        return {item for item, good in self.goods.items()
                if test(good["category"], good["brand"], float(good["price"]), good)}

    def test_filters_pass_what_the_catalogue_says(self):
        truth = {
            'category in ("toys", "sport") and price < 50': lambda c, b, p, g: c in ("toys", "sport")
            and p < 50,
            'not brand = "Lanjing"': lambda c, b, p, g: b != "Lanjing",
            "price between 20 and 80 or category = 'books'": lambda c, b, p, g: 20 <= p <= 80
            or c == "books",
            'words contains "helmet,"': lambda c, b, p, g: "helmet," in g["title"].split(" "),
            "price > 100 and not (category = 'audio' or brand in ('Guyu', 'Zhaolu'))":
                lambda c, b, p, g: p > 100 and c != "audio" and b not in ("Guyu", "Zhaolu"),
            "item in ('17', '18', 'none')": lambda c, b, p, g: g["item"] in ("17", "18"),
            "price is missing": lambda c, b, p, g: False,
            "User.city is not missing and price < 30": lambda c, b, p, g: p < 30,
        }
        with Node() as node:
            for text, test in truth.items():
                answer = node.ask("/v1/recommend/1", filter=text, k=300, exclude_seen="false")
                self.assertEqual(set(ids(answer)), self.passing(test), text)
                body = {"user": "1", "k": 300, "exclude_seen": False, "filter": text}
                self.assertEqual(ids(node.ask("/v1/recommend", body)), ids(answer), text)
                if not answer["items"]:
                    self.assertEqual(answer["reason"], "none_allowed")
            here = self.goods["5"]
            for text, test in {
                    "category != CurrentItem.category": lambda c, b, p, g: c != here["category"],
                    "price <= 1.5 * CurrentItem.price":
                        lambda c, b, p, g: p <= 1.5 * float(here["price"])}.items():
                answer = node.ask("/v1/similar/5", filter=text, k=300)
                self.assertEqual(set(ids(answer)), self.passing(test) - {"5"}, text)
                body = {"session": ["9", "5"], "k": 300, "exclude_seen": False, "filter": text}
                self.assertEqual(set(ids(node.ask("/v1/recommend", body))), self.passing(test))

    def test_a_good_is_shown_with_its_attributes(self):
        with Node() as node:
            for item in ("1", "17", "300"):
                good = self.goods[item]
                self.assertEqual(node.ask(f"/v1/items/{item}")["attributes"], {
                    "category": good["category"], "brand": good["brand"],
                    "price": float(good["price"]),
                    "words": sorted(set(good["title"].split()), key=lambda w: w.encode())})

    def test_an_order_without_a_filter_is_that_of_the_model(self):
        with Node() as node:
            plain = node.ask("/v1/recommend/7", k=300)
            every = node.ask("/v1/recommend/7", k=300, filter="price > 0")
            self.assertEqual(ids(plain), ids(every)[:len(ids(plain))])
            for good, same in zip(plain["items"], every["items"]):
                self.assertEqual(good["score"], same["score"])

    def test_filters_that_cannot_be_are_refused_with_their_column(self):
        with Node() as node:
            for text, says in {"pric < 3": "column 1", "price < 'x'": "column 9",
                               "price < CurrentItem.price": "CurrentItem"}.items():
                error = node.ask("/v1/recommend/1", filter=text)["error"]
                self.assertEqual(error["code"], "bad_filter")
                self.assertIn(says, error["message"])
            self.assertIn("did you mean price?",
                          node.ask("/v1/recommend/1", filter="pric < 3")["error"]["message"])
            for body, code in (({"rules": ["none"]}, "unknown_rule"),
                               ({"at_most": {"price": 2}}, "bad_parameter"),
                               ({"at_most": {"brand": 0}}, "bad_parameter"),
                               ({"diversity": 2}, "bad_parameter"),
                               ({"diversity_by": "price"}, "bad_parameter"),
                               ({"filter": 3}, "bad_parameter")):
                self.assertEqual(node.ask("/v1/recommend", body)["error"]["code"], code, body)

    def most_met(self, events):
        counts = {}
        for event in events:
            counts[event["item"]] = counts.get(event["item"], 0) + 1
        return counts

    def test_the_ladder_lists_what_people_alike_and_the_scene_take(self):
        with Node() as node:
            answer = node.ask("/v1/recommend/newcomer", k=20)
            self.assertEqual((answer["source"], answer["reason"]), ("segment", "no_profile"))
            pairs = {(e["user"], e["item"]) for e in self.events
                     if self.people[e["user"]]["city"] == "上海"}
            counts = self.most_met({"item": item} for _, item in pairs)
            for good in answer["items"]:
                self.assertEqual(good["score"], counts[good["item"]])
            self.assertEqual([g["score"] for g in answer["items"]],
                             sorted(counts.values(), reverse=True)[:20])
            alike, one = node.ask("/v1/recommend/batch", {"users": ["newcomer", "1"], "k": 20})["users"]
            self.assertEqual((alike["source"], alike["items"]), ("segment", answer["items"]))
            self.assertEqual(one["items"], node.ask("/v1/recommend/1", k=20)["items"])
            answer = node.ask("/v1/recommend/nobody", k=20, scene="3")
            self.assertEqual((answer["source"], answer["reason"]), ("scene", "unknown_user"))
            counts = self.most_met(e for e in self.events if e["scene"] == "3")
            self.assertEqual([g["score"] for g in answer["items"]],
                             sorted(counts.values(), reverse=True)[:20])
            for good in answer["items"]:
                self.assertEqual(good["score"], counts[good["item"]])
            answer = node.ask("/v1/recommend/nobody", k=5)
            self.assertEqual((answer["source"], answer["reason"]), ("popular", "unknown_user"))
            whole = node.ask("/v1/recommend/newcomer", k=300, filter="price > 0")
            self.assertEqual(len(whole["items"]), len(self.goods))
            self.assertEqual({g.get("step", "segment") for g in whole["items"]},
                             {"segment", "popular"})

    def test_rules_hold_on_every_path(self):
        write("rules.yaml", "rules:\n"
              "  recalled: {block_file: recalled.txt}\n"
              "  no-food: {block: category = \"food\"}\n"
              "  per-brand: {at_most: 2, of: brand}\n"
              "  christmas: {pin: \"17\", place: 2}\n"
              "  stock: {stock_file: stock.csv}\n")
        never = {"1", "3", "4", "5"} | self.passing(lambda c, b, p, g: c == "food")
        items = sorted(self.goods)[:200] + ["17"]
        with Node("--rules", "rules.yaml") as node:
            lists = [node.ask("/v1/recommend/1", k=12, exclude_seen="false"),
                     node.ask("/v1/recommend/nobody", k=12),
                     node.ask("/v1/recommend/newcomer", k=12, scene="3"),
                     node.ask("/v1/recommend", {"session": ["9", "10"], "k": 12}),
                     node.ask("/v1/similar/9", k=12),
                     node.ask("/v1/rank", {"user": "1", "items": items})]
            lists.append(node.ask("/invocations", {"user": "1", "k": 12, "filter": "price > 0"}))
            lists += node.ask("/v1/recommend/batch", {"users": ["1", "nobody"], "k": 12,
                                                      "exclude_seen": False})["users"]
            for answer in lists:
                listed = ids(answer)
                self.assertGreaterEqual(len(listed), 12, answer)
                self.assertEqual(listed[1], "17", answer)
                self.assertEqual(answer["items"][1]["rules"], ["christmas"])
                self.assertFalse(never & set(listed), answer)
                brands = [self.goods[item]["brand"] for item in listed]
                self.assertLessEqual(max(map(brands.count, brands)), 2)

    def test_rules_and_lists_are_read_again_and_bad_ones_are_left(self):
        write("live.yaml", "rules:\n  a: {pin: \"17\", place: 1}\n  gone: {pin: nobody, place: 2}\n")
        with Node("--rules", "live.yaml") as node:
            def first_is(item):
                until = time.monotonic() + 20
                while time.monotonic() < until:
                    if ids(node.ask("/v1/recommend/nobody"))[0] == item:
                        return True
                    time.sleep(0.05)
                return False
            self.assertTrue(node.says("rule gone rests: the model has no such good"))
            self.assertTrue(first_is("17"))
            write("live.yaml", "rules:\n  a: {pin: \"18\", place: 1}\n  b: {stock_file: left.csv}\n")
            self.assertTrue(node.says("left.csv"))
            self.assertTrue(first_is("17"))
            write("left.csv", "item,stock\n20,0\n")
            write("live.yaml", "rules:\n  a: {pin: \"18\", place: 1}\n  b: {stock_file: left.csv}\n\n")
            self.assertTrue(first_is("18"))
            write("left.csv", "item,stock\n18,0\n")
            popular = ids(node.ask("/v1/recommend/nobody", k=3, filter="item != '18'"))
            self.assertTrue(first_is(popular[0]))
            write("live.yaml", "rules:\n  a: {pin: \"18\"}\n")
            self.assertTrue(node.says("live.yaml:2: rules.a: a pin needs its place"))

    def test_a_file_that_cannot_be_used_ends_the_node_at_start(self):
        write("bad.yaml", "rules:\n  a: {boost: 2, where: prize < 3}\n")
        ended = subprocess.run([harness.daogou_serve, "--artifact", "runs/shop/artifact.h5", "--rules",
                                "bad.yaml", "--listen", "127.0.0.1:0"], stderr=subprocess.PIPE,
                               text=True)
        self.assertEqual(ended.returncode, 78)
        self.assertIn("bad.yaml:2: rules.a.where: column 1: \"prize\" is not an attribute",
                      ended.stderr)
        self.assertIn("did you mean price?", ended.stderr)

    def test_diversity_and_caps_spread_a_list(self):
        with Node() as node:
            plain = node.ask("/v1/recommend", {"user": "1", "k": 10})
            spread = node.ask("/v1/recommend", {"user": "1", "k": 10, "diversity": 1,
                                                "diversity_by": "category"})
            def categories(answer):
                return len({self.goods[item]["category"] for item in ids(answer)})
            self.assertEqual(ids(plain)[0], ids(spread)[0])
            self.assertGreater(categories(spread), categories(plain))
            capped = node.ask("/v1/recommend", {"user": "1", "k": 10, "at_most": {"category": 1}})
            self.assertEqual(categories(capped), len(capped["items"]))
            same = node.ask("/v1/recommend", {"user": "1", "k": 10, "diversity": 0})
            self.assertEqual(ids(same), ids(plain))

    def test_lists_made_offline_are_those_of_the_node(self):
        text = 'price < 250 and category != "food"'
        write("offline.yaml", "rules:\n  own: {boost: 1.7, where: brand = \"Lanjing\"}\n"
              "  per-brand: {at_most: 2, of: brand}\n  pin: {pin: \"17\", place: 3}\n")
        people = ["1", "2", "3"]
        given = [f"--user={user}" for user in people]
        ended = self.succeeds("recommend", "shop.yaml", *given, "--k", "9", "--filter", text,
                              "--rules", "offline.yaml", np=2)
        lists = {}
        for row in csv.DictReader(ended.out.splitlines()):
            lists.setdefault(row["user"], []).append((row["item"], float(row["score"])))
        with Node("--rules", "offline.yaml") as node:
            for user in people:
                answer = node.ask(f"/v1/recommend/{user}", k=9, filter=text)
                self.assertEqual(ids(answer), [item for item, _ in lists[user]])
                for good, (_, score) in zip(answer["items"], lists[user]):
                    self.assertAlmostEqual(good["score"], score, delta=1e-5 * abs(score))
        ended = run("recommend", "shop.yaml", "--user=1", "--filter", "prize < 3")
        self.assertEqual(ended.code, 64)
        self.assertIn("filter: column 1: \"prize\" is not an attribute", ended.err)

    def test_the_data_card_tells_of_attributes(self):
        card = json.loads(self.succeeds("describe", "shop.yaml", "--json").out)
        told = {column["name"]: column for column in card["attributes"]["items"]}
        prices = [float(good["price"]) for good in self.goods.values()]
        self.assertEqual(told["price"], {"name": "price", "type": "number", "missing": 0,
                                         "least": min(prices), "most": max(prices)})
        self.assertEqual(told["category"], {
            "name": "category", "type": "text", "missing": 0,
            "values": len({good["category"] for good in self.goods.values()})})
        self.assertEqual([c["name"] for c in card["attributes"]["users"]], ["age", "city"])
        self.assertIn("category", self.succeeds("describe", "shop.yaml").out)

    def test_the_page_says_what_works(self):
        filters = [line for line in blocks("sql")[0].splitlines() if line]
        rules = blocks("yaml")[1]
        bodies = [json.loads(text) for text in blocks("json")]
        self.assertGreater(len(filters), 5)
        write("page.yaml", rules)
        with Node("--rules", "page.yaml") as node:
            for text in filters:
                answer = node.ask("/v1/recommend", {"user": "1", "current_item": "5", "filter": text})
                self.assertIn("items", answer, text)
            error = next(b for b in bodies if "error" in b)
            self.assertEqual(node.ask("/v1/recommend/1", filter="pric < 3"), error)
            wanted = next(b for b in bodies if "k" in b)
            answer = node.ask("/v1/recommend", wanted)
            self.assertEqual(len(answer["items"]), wanted["k"], answer)
            shown = next(b for b in bodies if "source" in b)
            keys = {key for good in node.ask("/v1/recommend", wanted)["items"] for key in good}
            self.assertLessEqual({key for good in shown["items"] for key in good} - {"step"}, keys)


harness.main()
