/* saved.h - what a work folder or a folder of checkpoints holds, and which of it can be used. */
#ifndef DG_CLI_SAVED_H
#define DG_CLI_SAVED_H
#include "base/digest.h"
#include "base/strings.h"
#include "cli/command.h"

/** LOCAL. */
bool dg_cli_is_folder(const char *path);

/** Paths of the Daogou files in a folder and in checkpoints/ and parsed/ below it, each sorted;
 * with half-written ones (PATH.tmp). LOCAL. Errors DG_ERR_NOINPUT there is none; DG_ERR_NOMEM. */
dg_status dg_cli_folder_files(const char *folder, dg_strings *out, dg_err *err);

/** Is this name one of a checkpoint; of a file that a killed run left half written? LOCAL. */
bool dg_cli_is_checkpoint(const char *path);
bool dg_cli_is_half_written(const char *path);

/**
 * Can a run go on from this checkpoint? Whole, of a format this program reads, and made with the
 * data of dataset.h5 in the folder above, where that is there. Whether the options still fit only
 * the run knows. LOCAL, reads the file once.
 *
 * @param[in]     dataset content digest of that data, or ""
 * @param[in,out] facts   gets sweep, algorithm, created as far as they can be read
 *
 * Errors  why not, as a sentence.
 */
dg_status dg_cli_judge_checkpoint(const char *path, const char *dataset, json_t *facts,
                                  dg_err *err);

/** Content digest of the data that checkpoints of this folder should belong to, "" where there is
 *  none: of dataset.h5 in it, or above it where it is called checkpoints. LOCAL. */
void dg_cli_dataset_of(const char *folder, char content[DG_HEX_SIZE]);

/** Print the checkpoints of a work folder or a folder of checkpoints, newest first. LOCAL. */
dg_status dg_cli_show_saved(const dg_cli *cli, const char *folder, dg_err *err);

#endif
