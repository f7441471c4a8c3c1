/* Logs that daogou online reads, of any bytes. The first byte says of what the lines that follow
 * are: even, impressions; odd, events. A line is bad and says why, or all of it is in bounds; and
 * read again it is the same. */
#include "fuzz.h"

#include "online/log.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const kinds[] = {"view", "buy"};

static void must(bool good)
{
    if (!good) abort();
}

static bool in_bounds(double x, double low, double high) { return x >= low && x <= high; }

static void check_time(int64_t ms) { must(ms <= 4000000000000000 && ms >= -4000000000000000); }

static void check_shown(const dg_shown *s, const dg_shown *first, const dg_arm_names *arms)
{
    must(s->list != 0 && s->list == first->list && s->user == first->user && s->item != 0);
    must(s->arm >= 0 && s->arm < arms->n && s->arm == first->arm && s->time == first->time);
    must(s->position >= 1 && s->position <= DG_ITEMS_SHOWN);
    must(s->propensity > 0 && s->propensity <= 1);
    must(isnan(s->target) || in_bounds(s->target, 0, 1));
    must(isnan(s->item_propensity) || in_bounds(s->item_propensity, 1e-12, 1));
    must(isnan(s->item_target) || in_bounds(s->item_target, 0, 1));
    must(isnan(s->predicted) || in_bounds(s->predicted, -1e9, 1e9));
    must(isnan(s->predicted_target) || in_bounds(s->predicted_target, -1e9, 1e9));
    check_time(s->time);
}

static void read_shown(const char *line, size_t n, dg_arm_names *arms)
{
    static dg_shown out[DG_ITEMS_SHOWN], again[DG_ITEMS_SHOWN];
    char why[160] = "";
    const int items = dg_log_shown(line, n, arms, out, why, sizeof why);
    must(items >= -1 && items <= DG_ITEMS_SHOWN && (items >= 0 || why[0] != '\0'));
    must(arms->n >= 0 && arms->n <= DG_ARMS);
    for (int k = 0; k < arms->n; k++) must(memchr(arms->at[k], '\0', DG_ARM_NAME) != NULL);
    for (int k = 0; k < items; k++) check_shown(&out[k], out, arms);
    must(dg_log_shown(line, n, arms, again, why, sizeof why) == items);
    for (int k = 0; k < items; k++)
        must(out[k].item == again[k].item && out[k].arm == again[k].arm);
}

static void read_done(const char *line, size_t n)
{
    dg_done out, again;
    char why[160] = "";
    const bool good = dg_log_done(line, n, kinds, 2, &out, why, sizeof why);
    must(good || why[0] != '\0');
    must(dg_log_done(line, n, kinds, 2, &again, why, sizeof why) == good);
    if (!good) return;
    must(out.item != 0 && (out.user != 0 || out.list != 0) && out.kind >= -1 && out.kind < 2);
    must(out.item == again.item && out.time == again.time && out.open >= 0 && out.open < 86400000);
    check_time(out.time);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    dg_arm_names arms = {0};
    for (size_t at = 1, end; at < n; at = end + 1) {
        const uint8_t *feed = memchr(data + at, '\n', n - at);
        end = feed == NULL ? n : (size_t)(feed - data);
        if (data[0] % 2 == 0)
            read_shown((const char *)data + at, end - at, &arms);
        else
            read_done((const char *)data + at, end - at);
    }
    return 0;
}
