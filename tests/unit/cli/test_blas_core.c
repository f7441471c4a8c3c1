#include "cli/blas_core.h"

#include "unit_main.h"

#include <string.h>

START_TEST(a_core_of_fewer_instructions_is_older)
{
    ck_assert(dg_blas_core_is_older("Prescott", "SkylakeX"));
    ck_assert(dg_blas_core_is_older("Prescott", "Haswell"));
    ck_assert(dg_blas_core_is_older("Sandybridge", "Haswell"));
    ck_assert(dg_blas_core_is_older("Haswell", "SkylakeX"));
    ck_assert(dg_blas_core_is_older("haswell", "SkylakeX"));
}
END_TEST

START_TEST(a_core_as_new_as_the_processor_is_left_alone)
{
    ck_assert(!dg_blas_core_is_older("SkylakeX", "SkylakeX"));
    ck_assert(!dg_blas_core_is_older("Haswell", "Haswell"));
    ck_assert(!dg_blas_core_is_older("SkylakeX", "Haswell"));
    ck_assert(!dg_blas_core_is_older("Prescott", NULL));
}
END_TEST

/* Names of cores that did not exist yet stand for newer ones; AMD's Zen has kernels of its own. */
START_TEST(an_unknown_core_is_trusted)
{
    ck_assert(!dg_blas_core_is_older("Cooperlake", "SkylakeX"));
    ck_assert(!dg_blas_core_is_older("SapphireRapids", "SkylakeX"));
    ck_assert(!dg_blas_core_is_older("Zen", "SkylakeX"));
    ck_assert(!dg_blas_core_is_older("NEOVERSEN1", NULL));
}
END_TEST

UNIT_MAIN("blas_core", a_core_of_fewer_instructions_is_older,
          a_core_as_new_as_the_processor_is_left_alone, an_unknown_core_is_trusted)
