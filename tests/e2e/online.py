"""What daogou online says of the logs that a live node wrote, against what was done to the node.

usage: online.py DAOGOU DAOGOU_SERVE SOURCE MPIEXEC...   (harness.py)
"""
import collections
import json
import random
import signal
import time

import harness
from harness import Node, write

JOB = """name: shop
seed: 3
data:
  ratings: {path: ratings.csv, columns: {user: user, item: item, event: kind, time: ts}}
prepare:
  event_weights: {view: 1, buy: 3}
  split: {method: ratio, test: 0.2}
model: {algorithm: ials, factors: 6, iterations: 4}
publish: {registry: registry}
"""
USERS, K = 60, 6
HOUR, WINDOW = 3600, 8 * 3600
SHARE = 0.4


def setUpModule():
    draw = random.Random(5)
    lines = ["user,item,kind,ts"]
    for u in range(USERS):
        for i in draw.sample(range(40), 12):
            lines.append(f"u{u},i{i},{draw.choice(['view', 'buy'])},{u + i}")
    write("ratings.csv", "\n".join(lines) + "\n")
    write("shop.yaml", JOB)
    first = harness.run("run", "shop.yaml", "--work", "first", "-q")
    assert first.code == 0, first
    second = harness.run("run", "shop.yaml", "--work", "second", "-q", "--set",
                         "model.unobserved_weight=1", "--set", "publish.gate=ndcg@10 > 2")
    assert second.code == 79, second  # kept as the challenger


class Shop:
    """A node, and a diary of what was asked of it and told to it."""

    def __init__(self, name, *more):
        self.name = name
        self.node = Node("--registry", "registry", "--model", "shop", "--challenger", str(SHARE),
                         "--experiment", "spring", "--impressions", f"{name}-shown.jsonl",
                         "--events", f"{name}-events", *more, ready="as challenger")
        self.lists = {}  # request: user, arm, items, drawn
        self.clicks, self.buys = {}, {}  # (request, item): time
        self.unclicked = collections.Counter()  # request: purchases of items that were not clicked
        self.of_nothing = self.sent = 0

    def shows(self, path, user=None, body=None):
        request = f"{self.name}.{len(self.lists)}"
        status, answer = self.node.ask(path, body, {"X-Request-Id": request})
        assert status == 200, answer
        self.lists[request] = (user, answer["arm"], [i["item"] for i in answer["items"]])
        return request

    def tells(self, user, item, kind, **more):
        event = {"user": user, "item": item, "event": kind, **more}
        status, answer = self.node.ask("/v1/events", {"events": [event]})
        assert (status, answer.get("accepted")) == (200, 1), answer
        self.sent += 1

    def click(self, request, item, at=None, quote=False):
        """Of this list, which the log can know: it is the latest with the item, or quoted."""
        more = {} if at is None else {"time": at}
        self.tells(self.lists[request][0], item, "view", **more,
                   **({"recommendation": request} if quote else {}))
        self.clicks.setdefault((request, item), time.time() if at is None else at)

    def buy(self, request, item, at, quote=False):
        self.tells(self.lists[request][0], item, "buy", time=at,
                   **({"recommendation": request} if quote else {}))
        if (request, item) in self.clicks:
            self.buys.setdefault((request, item), at)
        else:
            self.unclicked[request] += 1

    def close(self):
        self.node.end(signal.SIGTERM)
        return [f"{self.name}-shown.jsonl", f"--events={self.name}-events/events-*.jsonl",
                f"--window={WINDOW}s", "--click=view", "--convert=buy", "--json"]

    def tally(self, drawn):
        """What online should count of these lists."""
        of = {r for r in self.lists if drawn(r)}
        clicks = [key for key in self.clicks if key[0] in of]
        buys = [key for key in self.buys if key[0] in of]
        return {"lists": len(of), "items": sum(len(self.lists[r][2]) for r in of),
                "clicked_lists": len({r for r, _ in clicks}),
                "converted_lists": len({r for r, _ in buys}), "clicks": len(clicks),
                "buys": len(buys), "unclicked": sum(self.unclicked[r] for r in of)}


def product_limit(shop, end):
    """F by steps of the window: of conversions no later than s whose click is old enough to have
    shown a delay of s, the share that came in s, taken away step by step from the last on."""
    pairs = [(min(int((at - shop.clicks[key]) * 64 // WINDOW), 63),
              int((end - shop.clicks[key]) * 64 // WINDOW)) for key, at in shop.buys.items()]
    f = [1.0] * 64
    for s in range(63, 0, -1):
        at_risk = sum(late <= s <= age for late, age in pairs)
        f[s - 1] = f[s] * (1 - sum(late == s for late, _ in pairs) / at_risk) if at_risk else f[s]
    return f


class Online(harness.Case):
    def assert_counts(self, told, expected):
        self.assertEqual({"lists": told["lists"], "items": told["items"],
                          "clicked_lists": told["clicked_lists"],
                          "converted_lists": told["converted_lists"], "clicks": told["ctr"]["of"],
                          "buys": told["cvr"]["of"],
                          "unclicked": told["conversions_without_click"]}, expected)
        self.assertEqual((told["ctr"]["all"], told["cvr"]["all"], told["ctcvr"]["all"]),
                         (expected["items"], expected["clicks"], expected["items"]))
        self.assertAlmostEqual(told["ctr"]["value"], expected["clicks"] / expected["items"])
        self.assertAlmostEqual(told["cvr"]["value"], expected["buys"] / expected["clicks"])
        self.assertAlmostEqual(told["ctcvr"]["value"], expected["buys"] / expected["items"])

    def drive(self, shop):
        """Traffic by rules: who clicks and buys what follows from user and position alone."""
        self.end = int(time.time()) + 9 * HOUR  # of the log: what comes later is not in it
        for u in range(USERS):
            user, now = f"u{u}", int(time.time())
            later = now + 150 + 1200 * (u % 20)
            bought = later + 200 + HOUR * (1 + u % 5)
            first = shop.shows(f"/v1/recommend/{user}?k={K}", user)
            for p, item in enumerate(shop.lists[first][2], 1):
                if (u + p) % 4 == 0:  # in a while, when the second list has been shown as well
                    shop.click(first, item, later, quote=True)
                if (u + p) % 8 == 0 and bought < self.end:
                    shop.buy(first, item, bought, quote=True)
            # Goods met are shown again. What is done from now on is of the new list, unless it says not.
            second = shop.shows(f"/v1/recommend/{user}?k={K}&exclude_seen=false", user)
            for p, item in enumerate(shop.lists[second][2], 1):
                if (first, item) in shop.clicks:
                    continue
                if (u + p) % 5 == 0:
                    shop.click(second, item, None if u % 2 else now + 300)
                if (u + p) % 10 == 0:
                    shop.buy(second, item, now + 500 + HOUR)
            early = shop.lists[first][2][5]
            if u % 3 == 0 and (first, early) not in shop.clicks:
                shop.click(first, early, quote=True)
            item = shop.lists[second][2][1]
            if u % 7 == 0 and not {(first, item), (second, item)} & set(shop.clicks):
                shop.buy(second, item, now + HOUR)
        shop.tells("stranger", "i1", "buy", time=self.end)  # and was shown nothing
        shop.of_nothing += 1

    def test_rates_attribution_arms_and_delays_are_those_of_what_was_done(self):
        shop = Shop("spring")
        self.drive(shop)
        drawn = set(shop.lists)
        # Nothing is drawn for these: of no arm, whatever becomes of them.
        shop.shows("/v1/recommend", body={"session": ["i3", "i9"], "k": 3})
        shop.shows("/v1/similar/i7?k=4")
        request = f"{shop.name}.{len(shop.lists)}"
        _, batch = shop.node.ask("/v1/recommend/batch", {"users": ["u1", "b1"], "k": 2},
                                 {"X-Request-Id": request})
        for one in batch["users"]:
            shop.lists[request, one["user"]] = (one["user"], "champion",
                                                [i["item"] for i in one["items"]])
        item = shop.lists[request, "b1"][2][0]
        shop.tells("b1", item, "view", recommendation=request)
        shop.clicks[(request, "b1"), item] = time.time()
        line = shop.close()
        told = {self.succeeds("online", *line, "--policy=challenger", "--min-effective=20", np=np).out
                for np in (1, 2, 3)}
        self.assertEqual(len(told), 1)
        r = json.loads(told.pop())

        self.assertEqual((r["rejected"], r["events"]), (0, shop.sent))
        self.assertEqual(r["events_of_no_list"], shop.of_nothing)
        self.assertEqual(r["lists_of_no_arm"], 4)
        self.assert_counts(r["all"], shop.tally(lambda request: True))
        self.assertEqual((r["control"], list(r["arms"])), ("champion", ["champion", "challenger"]))
        of = {arm: shop.tally(lambda q: q in drawn and shop.lists[q][1] == arm) for arm in r["arms"]}
        for arm, expected in of.items():
            self.assertGreater(min(expected.values()), 0, "the traffic has some of everything")
            self.assert_counts(r["arms"][arm], expected)
        rates = {arm: (n["clicked_lists"] / n["lists"], n["converted_lists"] / n["lists"])
                 for arm, n in of.items()}
        less = r["difference_from_control"]["challenger"]
        for k, figure in enumerate(("clicked_lists", "converted_lists")):
            self.assertAlmostEqual(less[figure]["value"],
                                   rates["challenger"][k] - rates["champion"][k])
        for p in range(10):
            there = [(q, lists[2][p]) for q, lists in shop.lists.items() if len(lists[2]) > p]
            place = r["ctr_by_position"][p]
            self.assertEqual((place["all"], place["of"]),
                             (len(there), sum(key in shop.clicks for key in there)))

        f = product_limit(shop, self.end)
        for got, expected in zip(r["delay_cdf"], f):
            self.assertAlmostEqual(got, expected)
        self.assertLess(f[7], 0.1)  # nothing within the hour
        ripe = 0
        for at in shop.clicks.values():
            age = int((self.end - at) * 64 // WINDOW)
            ripe += 1 if age >= 64 else 0.5 * (f[age - 1] + f[age])
        self.assertLess(ripe, len(shop.clicks))
        self.assertAlmostEqual(r["all"]["cvr_corrected"], len(shop.buys) / ripe)

        policy = r["policy"]  # the challenger, as if all who were drawn for had met it
        n = of["challenger"]
        self.assertEqual(policy["lists"], len(drawn))
        self.assertAlmostEqual(policy["ips"], n["clicked_lists"] / SHARE / len(drawn))
        self.assertAlmostEqual(policy["snips"], rates["challenger"][0])
        self.assertAlmostEqual(policy["effective_lists"], n["lists"])
        self.assertAlmostEqual(policy["overlap"], min(1, n["lists"] / SHARE / len(drawn)))

    def test_pseudonyms_are_joined_by_request(self):
        write("pseudonym.key", bytes(range(32)))
        shop = Shop("hidden", "--pseudonym-key", "pseudonym.key")
        for u in range(20):
            request = shop.shows(f"/v1/recommend/u{u}?k={K}", f"u{u}")
            for p, item in enumerate(shop.lists[request][2], 1):
                if (u + p) % 4 == 0:
                    shop.click(request, item, quote=True)
                if (u + p) % 8 == 0:
                    shop.buy(request, item, int(time.time()) + HOUR, quote=True)
        line = shop.close()
        with open("hidden-shown.jsonl", encoding="utf-8") as shown:
            self.assertNotIn('"user":"u', shown.read())
        r = json.loads(self.succeeds("online", *line, "--join=request").out)
        self.assert_counts(r["all"], shop.tally(lambda request: True))
        self.assertEqual(r["events_of_no_list"], 0)
        lost = json.loads(self.succeeds("online", *line).out)  # by user nothing is found
        self.assertEqual((lost["all"]["ctr"]["of"], lost["events_of_no_list"]), (0, shop.sent))


if __name__ == "__main__":
    harness.main()
