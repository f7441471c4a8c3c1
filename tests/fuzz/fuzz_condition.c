/* A condition on goods: one that is read can be applied, to whoever asks; others are refused with
 * their column. */
#include "fuzz.h"

#include "../unit/select/made_goods.h"
#include "select/condition.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static made_goods *g;
    static dg_condition condition;
    uint64_t found[2];
    dg_err err;
    if (g == NULL) g = make_goods(100, 1);
    if (dg_condition_read(g->goods, (const char *)data, n, &condition, &err) != DG_OK) {
        if (strncmp(err.text, "column ", 7) != 0) abort();
        return 0;
    }
    for (int64_t who = -1; who < 2; who++)
        if (dg_condition_apply(&condition, g->goods, (dg_asked){who, who}, found, &err) != DG_OK ||
            found[1] >> 36 != 0)
            abort();
    return 0;
}
