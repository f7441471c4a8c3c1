#include "job/pace.h"

#include <math.h>

double dg_pace_interval(double save_takes, double mtbf)
{
    const double ratio = save_takes / (2 * mtbf);
    if (!(ratio < 1)) return mtbf;
    return sqrt(2 * save_takes * mtbf) * (1 + sqrt(ratio) / 3 + ratio / 9) - save_takes;
}

bool dg_pace_due(const dg_pace *p, int64_t sweep, double now)
{
    const double passed = now - p->since; /* with the checkpoint that was begun then */
    if (p->automatic)
        return p->n_saved == 0 ||
               passed >= p->save_takes + dg_pace_interval(p->save_takes, p->mtbf);
    if (p->minutes > 0 && passed > 60 * p->minutes) return true;
    return p->every > 0 && sweep - p->saved >= p->every &&
           (p->n_saved == 0 || p->save_takes <= p->max_cost * passed);
}

void dg_pace_saved(dg_pace *p, int64_t sweep, double begun, double now)
{
    p->saved = sweep;
    p->since = begun;
    p->save_takes = now - begun;
    p->save_seconds += p->save_takes;
    p->n_saved++;
}
