#include "base/version.h"

#include "revision.h" /* generated, see cmake/Revision.cmake */

const char *dg_version(void) { return DAOGOU_VERSION; }

const char *dg_revision(void) { return DAOGOU_REVISION; }
