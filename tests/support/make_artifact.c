/* make_artifact PATH [factors|weights|fold | USERS ITEMS COLS [SEED]] - write a fixture artifact
 * for end-to-end tests. */
#include "artifact_file.h"

#include <stdlib.h>
#include <string.h>

static const dg_als_law behaviour = {.unobserved_weight = 0.1, .reg_exponent = 1};

static made_artifact *make(int argc, char **argv)
{
    if (argc >= 5)
        return make_artifact(atol(argv[2]), atol(argv[3]), atol(argv[4]),
                             argc == 6 ? (uint64_t)atol(argv[5]) : 1);
    if (argc == 3 && strcmp(argv[2], "weights") == 0)
        return make_weights_artifact(20, 300, "item", 1);
    if (argc == 3 && strcmp(argv[2], "fold") == 0)
        return make_fold_artifact(20, 300, 8, &behaviour, 0.05, 1);
    return make_artifact(20, 300, 10, 1);
}

int main(int argc, char **argv)
{
    if (argc < 2 || argc > 6) return EXIT_FAILURE;
    made_artifact *m = make(argc, argv);
    write_artifact(m, argv[1]);
    free_artifact(&m);
    return EXIT_SUCCESS;
}
