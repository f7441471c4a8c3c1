#include "cli/command.h"

#include <stddef.h>

/* clang-format off */
const dg_command *const dg_commands[] = { /* a line each: branches add theirs */
    &dg_cmd_run,
    &dg_cmd_generate,
    &dg_cmd_prepare,
    &dg_cmd_describe,
    &dg_cmd_train,
    &dg_cmd_evaluate,
    &dg_cmd_compare,
    &dg_cmd_online,
    &dg_cmd_tune,
    &dg_cmd_report,
    &dg_cmd_recommend,
    &dg_cmd_similar,
    &dg_cmd_explain,
    &dg_cmd_export,
    &dg_cmd_publish,
    &dg_cmd_rollback,
    &dg_cmd_keygen,
    &dg_cmd_sign,
    &dg_cmd_encrypt,
    &dg_cmd_decrypt,
    &dg_cmd_layout,
    &dg_cmd_token,
    &dg_cmd_reidentify,
    &dg_cmd_inspect,
    &dg_cmd_verify,
    &dg_cmd_plan,
    &dg_cmd_bench,
    &dg_cmd_doctor,
    &dg_cmd_doctor_probe,
    NULL,
};
/* clang-format on */
