/* A file of rules: it is read, and then says whom it is for, or refused. */
#include "fuzz.h"

#include "../unit/select/made_goods.h"
#include "select/rules_state.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static made_goods *g;
    dg_err err = {.text = ""};
    if (memmem(data, n, "_file", 5) != NULL) return 0; /* it would read files of this machine */
    if (g == NULL) g = make_goods(100, 1);
    dg_rules *r = dg_rules__new("fuzz", g->goods, &err);
    if (r == NULL) return 0;
    const dg_status st = dg_rules__parse(r, (const char *)data, n, &err);
    const dg_occasion o = {.asked = {1, 1}, .path = "recommend", .now = 0};
    uint64_t holding[DG_RULES_WORDS];
    if (st == DG_OK) dg_rules_holding(r, &o, holding);
    if (st != DG_OK && err.text[0] == '\0') abort();
    dg_rules_close(&r);
    return 0;
}
