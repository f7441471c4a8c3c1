/* about.h - a model card for people. */
#ifndef DG_CLI_ABOUT_H
#define DG_CLI_ABOUT_H
#include <jansson.h>

/** Print what an artifact is, where it comes from and what it was judged by, from its attributes.
 * What it does not say is left out. LOCAL. */
void dg_cli_print_about(const json_t *meta);

#endif
