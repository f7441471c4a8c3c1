/* online.h - what became of the lists that were shown: rates, two arms, another policy.
 *
 * Attribution. A click belongs to the latest list with that item that its user was shown (or that
 * its request made) at most `click_window` before; a conversion to the latest one clicked at most
 * `window` before. An event that names a list belongs to that one, where it can. Times in whole
 * seconds are taken to be anywhere in their second. An item of a list is clicked, and converted,
 * once. All counts are whole numbers; sums of rewards run over 64 shards of users in one order. So
 * every number is the same to the bit for any number of ranks and any cut of the files.
 *
 * Arms. Where some lists have a propensity below 1, arms are of those alone: the others were shown
 * to people for whom nothing was drawn, who are not like the rest. */
#ifndef DG_ONLINE_ONLINE_H
#define DG_ONLINE_ONLINE_H
#include "online/rates.h"
#include "online/read.h"

enum { DG_POSITIONS = 10 };

typedef enum dg_reward { DG_REWARD_CLICK, DG_REWARD_CONVERSION, DG_REWARD_SATISFACTION } dg_reward;

typedef struct dg_online_options {
    bool by_request;              /* events are joined by the request they name, not by user */
    int64_t click_window, window; /* milliseconds */
    int n_kinds;
    bool is_click[DG_KINDS], is_conversion[DG_KINDS];
    double weight[DG_KINDS]; /* in the satisfaction of a list, once for each item */
    double confidence, effect;
    int64_t resamples;
    uint64_t seed;
    dg_reward
        reward; /* of a list, for another policy: any click, any conversion, its satisfaction */
    const char *policy; /* arm to judge as if it had chosen all lists; NULL: the log's "target" */
    double clip;        /* largest weight of a list; 0: none */
    double least_effective, least_overlap; /* below these no verdict */
} dg_online_options;

typedef struct dg_rate {
    int64_t of, all;
    double value, low, high; /* Wilson */
} dg_rate;

typedef struct dg_arm_figures {
    int64_t lists, items, clicked_lists, converted_lists, late_conversions; /* without a click */
    dg_rate ctr, cvr, ctcvr; /* clicked items / items; converted / clicked; converted / items */
    double cvr_corrected, ctcvr_corrected;                    /* with conversions still to come */
    double satisfaction, satisfaction_low, satisfaction_high; /* of a list */
} dg_arm_figures;

/* One arm less the control, of the share of lists with a click, with a conversion, and
 * satisfaction; users resampled. */
typedef struct dg_arm_difference {
    double value, low, high;                  /* fixed time: to be looked at once */
    double always_low, always_high, always_p; /* at any time; NAN where nothing varies */
} dg_arm_difference;

typedef struct dg_estimate {
    double value, low, high; /* NAN where it cannot be */
} dg_estimate;

/* Another policy, by the chances of lists or by those of each item in its place. */
typedef struct dg_off_policy {
    bool asked;
    int64_t lists; /* with a propensity, and a target or an arm to judge */
    double logged; /* mean reward as it was */
    double clipped;
    dg_estimate ips, snips, dr; /* of lists; dr needs predictions */
    dg_estimate pseudoinverse;  /* of items, as ips */
    double gain_low, gain_high; /* snips, or ips of items, less logged */
    double effective, overlap;  /* sample size, in lists or items; mean weight, 1 where the log
                                   covers the policy */
    bool refused;
    char verdict[120];
} dg_off_policy;

typedef struct dg_online {
    int64_t lists, items, events, rejected,
        unmatched;   /* unmatched: events of interest of no list */
    int64_t undrawn; /* lists in `all` of no arm */
    int64_t end;
    dg_arm_names arms; /* the control first */
    dg_arm_figures all, arm[DG_ARMS];
    dg_arm_difference click[DG_ARMS], conversion[DG_ARMS], satisfied[DG_ARMS]; /* [0]: of itself */
    dg_rate position[DG_POSITIONS];
    double delay[DG_DELAYS]; /* share of conversions by the end of each step of the window */
    dg_off_policy policy, slate;
} dg_online;

/**
 * Join and measure. COLLECTIVE; the logs are used up.
 *
 * ips = mean of w r, w = target / propensity (for an arm: 1 / propensity of its lists, 0 of
 * others); clipped: of min(w, clip); snips = sum w r / sum w; dr = mean of q' + w (r - q) with the
 * log's predictions q of the list and q' under the policy. effective = (sum w)^2 / sum w^2. There
 * is no verdict below least_effective and least_overlap.
 *
 * slate, of lists whose items all have a propensity and a target: w of each item, and its own
 * reward r (clicked, converted, what it was worth). ips = mean of sum w r, which takes an item's
 * reward to depend on the item and its place; pseudoinverse = mean of (sum r) (1 - n + sum w),
 * which takes it to depend on the other items too, additively, and the places to have been drawn
 * independently.
 *
 * Cost    logs travel once; at the peak 290 bytes an item shown, over all ranks; 400 bytes a
 *         resample and level of a tree of 64 shards.
 * Errors  DG_ERR_CONFIG no such arm, or nothing to judge a policy by; DG_ERR_NOMEM; agreed.
 * Source  Horvitz, Thompson 1952; Swaminathan, Joachims 2015 (snips); Dudik, Langford, Li 2011
 * (dr); Owen 2013, "Monte Carlo theory, methods and examples", section 9.3 (effective size); Li,
 * Abbasi-Yadkori, Kveton, Muthukrishnan, Vinay, Wen 2018 (ips of items in their place);
 * Swaminathan, Krishnamurthy, Agarwal, Dudik, Langford, Jose, Zitouni 2017 (pseudoinverse).
 */
dg_status dg_online_measure(const dg_comm *c, dg_logs *logs, const dg_online_options *o,
                            dg_online *out, dg_err *err);

#endif
