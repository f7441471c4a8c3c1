/* version.h - which program this is. */
#ifndef DG_BASE_VERSION_H
#define DG_BASE_VERSION_H

/** "0.1.0". LOCAL. */
const char *dg_version(void);

/** Git revision of the sources, "-dirty" where they were changed since; "unknown" without git.
 *  LOCAL. */
const char *dg_revision(void);

#endif
