/* cmd_recommend.h - the flags of `daogou recommend`. */
#ifndef DG_CLI_CMD_RECOMMEND_H
#define DG_CLI_CMD_RECOMMEND_H
#include "cli/command.h"

typedef struct dg_recommend_flags {
    int64_t k;
    dg_strings users;
    bool exclude_seen;
} dg_recommend_flags;

enum { DG_N_RECOMMEND_ROWS = 3 };
extern const dg_option dg_recommend_rows[DG_N_RECOMMEND_ROWS];

#endif
