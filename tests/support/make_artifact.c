/* make_artifact PATH [USERS ITEMS COLS] - write a fixture artifact for end-to-end tests. */
#include "artifact_file.h"

#include <stdlib.h>

int main(int argc, char **argv)
{
    if (argc != 2 && argc != 5) return EXIT_FAILURE;
    made_artifact *m = argc == 2 ? make_artifact(20, 300, 10, 1)
                                 : make_artifact(atol(argv[2]), atol(argv[3]), atol(argv[4]), 1);
    write_artifact(m, argv[1]);
    free_artifact(&m);
    return EXIT_SUCCESS;
}
