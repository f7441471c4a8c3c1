"""What daogou online says of the logs that a live node wrote, against what was done to the node; and
of random logs, against a slow reference.

usage: online.py DAOGOU DAOGOU_SERVE SOURCE MPIEXEC...   (harness.py)
"""
import collections
import json
import math
import random
import signal
import statistics
import time

import numpy as np

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
    """F by steps of the window: of conversions no later than s of clicks for which s is over, the
    share that came in s, taken away step by step from the last on."""
    pairs = [(min(int((at - shop.clicks[key]) * 64 // WINDOW), 63),
              int((end - shop.clicks[key]) * 64 // WINDOW)) for key, at in shop.buys.items()]
    f = [1.0] * 64
    for s in range(63, 0, -1):
        at_risk = sum(late <= s < age for late, age in pairs)
        f[s - 1] = f[s] * (1 - sum(late == s < age for late, age in pairs) / at_risk) if at_risk else f[s]
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
        self.succeeds("keygen", "pseudonym.key", "--pseudonyms")
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


class Reference:
    """Every figure from its definition, over random logs of lists by three arms."""
    DAYS, CLICK_DAYS, WINDOW_DAYS = 10, 0.5, 3
    SHARES = {"champion": 0.5, "x": 0.3, "y": 0.2}
    WEIGHTS = {"click": 1, "buy": 5, "dislike": -3}

    def __init__(self, seed, n_users=300, n_lists=5):
        draw = random.Random(seed)
        self.lists, self.events = [], []
        for u in range(n_users):
            arm = draw.choices(list(self.SHARES), self.SHARES.values())[0]
            for _ in range(n_lists):
                self.lists.append(self.new_list(draw, f"u{u}", arm))
        self.events.sort(key=lambda e: e["time"])
        self.end = max(line["time"] for line in self.lists + self.events)

    def new_list(self, draw, user, arm):
        items = [{"item": f"i{i}", "propensity": draw.uniform(0.1, 1), "target": draw.random()}
                 for i in draw.sample(range(12), draw.randint(1, 5))]
        if draw.random() < 0.2:
            del items[-1]["target"]
        line = {"time": round(draw.uniform(0, self.DAYS * 86400), 3), "user": user, "arm": arm,
                "request": f"r{len(self.lists)}", "propensity": self.SHARES[arm],
                "target": draw.random() ** 2, "predicted": draw.random(),
                "predicted_target": draw.random(), "items": items}
        if draw.random() < 0.1:
            del line["target"]
        for item in items:
            at = line["time"] + draw.uniform(0, 0.7 * 86400)
            for kind, chance in (("click", 0.35), ("dislike", 0.1), ("buy", 0.15)):
                at += draw.expovariate(1 / 86400) if kind == "buy" else 0
                if draw.random() < chance and at < self.DAYS * 86400:
                    self.events.append({"time": round(at, 3), "user": user, "item": item["item"],
                                        "event": kind})
        return line

    def join(self):
        """Each event by itself: to the latest list before, or the latest that was clicked."""
        for line in self.lists:
            line["of"] = {i["item"]: {"kinds": set()} for i in line["items"]}
        self.unmatched, self.unclicked = 0, set()
        for conversions in (False, True):
            for e in self.events:
                if (e["event"] == "buy") == conversions:
                    self.attribute(e)

    def attribute(self, e):
        met = sorted((line for line in self.lists if line["user"] == e["user"] and
                      e["item"] in line["of"] and line["time"] <= e["time"]),
                     key=lambda line: line["time"])
        to = met[-1] if met else None
        if e["event"] == "buy":
            clicked = [line for line in met if e["time"] - self.WINDOW_DAYS * 86400 <=
                       line["of"][e["item"]].get("click", -math.inf) <= e["time"]]
            if clicked:
                clicked[-1]["of"][e["item"]].setdefault("buy", e["time"])
                clicked[-1]["of"][e["item"]]["kinds"].add("buy")
            elif to and e["time"] - to["time"] <= self.WINDOW_DAYS * 86400:
                self.unclicked.add((to["request"], e["item"]))
            else:
                self.unmatched += 1
        elif to and e["time"] - to["time"] <= self.CLICK_DAYS * 86400:
            to["of"][e["item"]]["kinds"].add(e["event"])
            if e["event"] == "click":
                to["of"][e["item"]].setdefault("click", e["time"])
        else:
            self.unmatched += 1

    def step(self, seconds):
        return min(int(round(seconds * 1000) * 64 // (self.WINDOW_DAYS * 86400000)), 64)

    def delays(self):
        late, age = [], []
        for line in self.lists:
            for of in line["of"].values():
                if "buy" in of:
                    late.append(min(self.step(of["buy"] - of["click"]), 63))
                    age.append(self.step(self.end - of["click"]))
        late, age, f = np.array(late), np.array(age), np.ones(64)
        for s in range(63, 0, -1):
            risk = (late <= s) & (age > s)
            f[s - 1] = f[s] * (1 - (risk & (late == s)).sum() / risk.sum()) if risk.any() else f[s]
        return f

    def worth(self, of):
        return sum(self.WEIGHTS[kind] for kind in of["kinds"])


def of_users(lists, *columns):
    """Sums by user, (users, columns); so that variances are of users."""
    users = {}
    for line, *values in zip(lists, *columns):
        users.setdefault(line["user"], []).append(values)
    return np.array([np.sum(values, axis=0) for values in users.values()])


def ratio(top, bottom):
    """A ratio of sums over users, and its variance by linearisation (Cochran 1977, chapter 6)."""
    value = top.sum() / bottom.sum()
    return value, ((top - value * bottom) ** 2).sum() / bottom.sum() ** 2


class Figures(harness.Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.truth = Reference(seed=3)
        for name in ("lists", "events"):
            write(f"random-{name}.jsonl", "".join(json.dumps(line) + "\n"
                                                  for line in getattr(cls.truth, name)))
        cls.truth.join()
        cls.line = ["random-lists.jsonl", "--events=random-events.jsonl", "--click-window=12h",
                    "--window=3d", "--weights=click=1,buy=5,dislike=-3", "--min-effective=100",
                    "--resamples=4000", "--json"]

    def told(self, *more):
        return json.loads(self.succeeds("online", *self.line, *more, np=2).out)

    def assert_interval(self, interval, value, variance):
        """4000 resamples know a standard deviation to 1.1 %, and its quantiles to some 3 %."""
        half = 1.959964 * math.sqrt(variance)
        self.assertAlmostEqual(interval[0], value - half, delta=0.2 * half)
        self.assertAlmostEqual(interval[1], value + half, delta=0.2 * half)

    def test_rates_of_arms(self):
        r, lists = self.told(), self.truth.lists
        self.assertEqual(r["events_of_no_list"], self.truth.unmatched)
        f = self.truth.delays()
        self.assertLess(f[0], 0.1)
        np.testing.assert_allclose(r["delay_cdf"], f, atol=1e-12)
        z = statistics.NormalDist().inv_cdf(0.975)
        by_arm = {}
        for arm, told in r["arms"].items():
            mine = [line for line in lists if line["arm"] == arm]
            items = [of for line in mine for of in line["of"].values()]
            clicks = [of["click"] for of in items if "click" in of]
            buys = sum("buy" in of for of in items)
            for name, x, n in (("ctr", len(clicks), len(items)), ("cvr", buys, len(clicks)),
                               ("ctcvr", buys, len(items))):
                share = x / n
                self.assertEqual((told[name]["of"], told[name]["all"]), (x, n))
                centre = (share + z * z / (2 * n)) / (1 + z * z / n)
                half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
                np.testing.assert_allclose(told[name]["interval"], [centre - half, centre + half],
                                           atol=1e-10)
            ages = [self.truth.step(self.truth.end - at) for at in clicks]
            ripe = sum(1 if a == 64 else (f[a] + (f[a - 1] if a else 0)) / 2 for a in ages)
            self.assertAlmostEqual(told["cvr_corrected"], buys / ripe)
            self.assertAlmostEqual(told["ctcvr_corrected"], buys / ripe * len(clicks) / len(items))
            self.assertGreater(told["cvr_corrected"], 1.02 * told["cvr"]["value"])
            by_arm[arm] = of_users(
                mine, [1] * len(mine), [any("click" in of for of in l["of"].values()) for l in mine],
                [any("buy" in of for of in l["of"].values()) for l in mine],
                [sum(map(self.truth.worth, l["of"].values())) for l in mine]).T.astype(float)
            value, variance = ratio(by_arm[arm][3], by_arm[arm][0])
            self.assertAlmostEqual(told["satisfaction"], value)
            self.assert_interval(told["satisfaction_interval"], value, variance)
        self.assertEqual(sum(a["conversions_without_click"] for a in r["arms"].values()),
                         len([k for k in self.truth.unclicked if "buy" not in
                              lists[int(k[0][1:])]["of"][k[1]]]))
        for arm in ("x", "y"):
            for k, name in enumerate(("clicked_lists", "converted_lists", "satisfaction"), 1):
                told = r["difference_from_control"][arm][name]
                (a, va), (b, vb) = (ratio(by_arm[i][k], by_arm[i][0]) for i in (arm, "champion"))
                self.assertAlmostEqual(told["value"], a - b)
                self.assert_interval(told["interval"], a - b, va + vb)
                v, t = va + vb, 0.01 ** 2  # Johari and others 2017: alpha .05, --effect .01
                half = math.sqrt(v * (v + t) / t * (2 * math.log(20) + math.log((v + t) / v)))
                low, high = told["any_time_interval"]
                self.assertAlmostEqual((low + high) / 2, a - b)
                self.assertAlmostEqual((high - low) / 2, half, delta=0.2 * half)

    def judge(self, told, lists, weight, reward, more):
        """Estimates of a policy by lists: weights, rewards, dr's terms or None."""
        self.assertEqual(told["lists"], len(lists))
        self.assertAlmostEqual(told["logged"], np.mean(reward))
        self.assertAlmostEqual(told["ips"], np.mean(weight * reward))
        self.assertAlmostEqual(told["ips_clipped"], np.mean(np.minimum(weight, 2) * reward))
        self.assertAlmostEqual(told["snips"], (weight * reward).sum() / weight.sum())
        self.assertAlmostEqual(told["effective_lists"], weight.sum() ** 2 / (weight ** 2).sum())
        self.assertAlmostEqual(told["overlap"], min(1, weight.mean()))
        sums = of_users(lists, np.ones(len(lists)), weight * reward, weight, reward, more).T
        self.assert_interval(told["ips_interval"], *ratio(sums[1], sums[0]))
        self.assert_interval(told["snips_interval"], *ratio(sums[1], sums[2]))
        snips, logged = sums[1].sum() / sums[2].sum(), sums[3].sum() / sums[0].sum()
        gain = (sums[1] - snips * sums[2]) / sums[2].sum() - (sums[3] - logged * sums[0]) / sums[0].sum()
        self.assert_interval(told["gain_interval"], snips - logged, (gain ** 2).sum())
        return sums

    def test_policies_by_the_chances_of_lists(self):
        lists = [line for line in self.truth.lists if "target" in line]
        weight = np.array([line["target"] / line["propensity"] for line in lists])
        worth = np.array([sum(map(self.truth.worth, line["of"].values())) for line in lists], float)
        q, new = (np.array([line[key] for line in lists]) for key in ("predicted", "predicted_target"))
        told = self.told("--clip=2", "--reward=satisfaction")["policy"]
        sums = self.judge(told, lists, weight, worth, new + weight * (worth - q))
        self.assertAlmostEqual(told["dr"], sums[4].sum() / len(lists))
        self.assert_interval(told["dr_interval"], *ratio(sums[4], sums[0]))
        lists = self.truth.lists
        weight = np.array([(line["arm"] == "x") / 0.3 for line in lists])
        bought = np.array([any("buy" in of for of in l["of"].values()) for l in lists], float)
        self.judge(self.told("--clip=2", "--policy=x", "--reward=conversion")["policy"], lists, weight,
                   bought, np.zeros(len(lists)))
        refused = self.told("--policy=x", "--min-effective=10000")["policy"]
        self.assertTrue(refused["refused"])

    def test_policies_by_the_chances_of_items_in_their_places(self):
        told = self.told("--clip=2", "--reward=satisfaction")["slate"]
        lists = [line for line in self.truth.lists if all("target" in i for i in line["items"])]
        self.assertLess(len(lists), len(self.truth.lists))
        weights = [np.array([i["target"] / i["propensity"] for i in line["items"]]) for line in lists]
        rewards = [np.array([self.truth.worth(line["of"][i["item"]]) for i in line["items"]])
                   for line in lists]
        by_items = np.array([(w * r).sum() for w, r in zip(weights, rewards)])
        whole = np.array([r.sum() * (1 - len(w) + w.sum()) for w, r in zip(weights, rewards)])
        logged = np.array([r.sum() for r in rewards])
        w = np.concatenate(weights)
        self.assertEqual(told["lists"], len(lists))
        self.assertAlmostEqual(told["logged"], logged.mean())
        self.assertAlmostEqual(told["ips"], by_items.mean())
        self.assertAlmostEqual(told["ips_clipped"],
                               sum((np.minimum(w, 2) * r).sum() for w, r in zip(weights, rewards)) /
                               len(lists))
        self.assertAlmostEqual(told["pseudoinverse"], whole.mean())
        self.assertAlmostEqual(told["effective_items"], w.sum() ** 2 / (w ** 2).sum())
        self.assertAlmostEqual(told["overlap"], min(1, w.mean()))
        one, by_user, by_whole, was = of_users(lists, np.ones(len(lists)), by_items, whole, logged).T
        self.assert_interval(told["ips_interval"], *ratio(by_user, one))
        self.assert_interval(told["pseudoinverse_interval"], *ratio(by_whole, one))
        self.assert_interval(told["gain_interval"], *ratio(by_user - was, one))


if __name__ == "__main__":
    harness.main()
