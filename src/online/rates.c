#include "online/rates.h"

#include <math.h>

double dg_normal_reach(double confidence)
{
    double low = 0, high = 40;
    for (int k = 0; k < 200; k++) {
        const double z = (low + high) / 2;
        if (erf(z / sqrt(2)) < confidence)
            low = z;
        else
            high = z;
    }
    return low;
}

void dg_wilson(int64_t x, int64_t n, double confidence, double *low, double *high)
{
    *low = 0;
    *high = 1;
    if (n <= 0) return;
    const double z = dg_normal_reach(confidence), all = (double)n, p = (double)x / all;
    const double centre = (p + z * z / (2 * all)) / (1 + z * z / all);
    const double half = z / (1 + z * z / all) * sqrt(p * (1 - p) / all + z * z / (4 * all * all));
    *low = x == 0 ? 0 : fmax(centre - half, 0);
    *high = x == n ? 1 : fmin(centre + half, 1);
}

double dg_always_half(double variance, double effect, double level)
{
    const double t = effect * effect, v = variance;
    return sqrt(2 * v * (v + t) / t * (log(1 / level) + 0.5 * log((v + t) / v)));
}

double dg_always_p(double difference, double variance, double effect)
{
    const double t = effect * effect, v = variance;
    const double log_ratio =
        0.5 * log(v / (v + t)) + t * difference * difference / (2 * v * (v + t));
    return fmin(1, exp(-log_ratio));
}

void dg_delays_add(dg_delays *d, int late, int age)
{
    if (late < age) d->delay[late]++;
    for (int s = late; s < age && s < DG_DELAYS; s++) d->at_risk[s]++;
}

void dg_delays_fit(const dg_delays *d, double f[DG_DELAYS])
{
    f[DG_DELAYS - 1] = 1;
    for (int s = DG_DELAYS - 1; s > 0; s--)
        f[s - 1] =
            d->at_risk[s] > 0 ? f[s] * (1 - (double)d->delay[s] / (double)d->at_risk[s]) : f[s];
}

bool dg_delays_known(const dg_delays *d)
{
    for (int s = 0; s < DG_DELAYS; s++)
        if (d->at_risk[s] > 0) return true;
    return false;
}

double dg_delays_ripe(const int64_t clicks[DG_DELAYS + 1], const double f[DG_DELAYS])
{
    double sum = (double)clicks[DG_DELAYS];
    for (int a = 0; a < DG_DELAYS; a++) /* on average half of the step they are in is over */
        sum += (double)clicks[a] * 0.5 * ((a > 0 ? f[a - 1] : 0) + f[a]);
    return sum;
}
