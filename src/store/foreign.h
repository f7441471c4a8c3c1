/* foreign.h - tables in HDF5 files that are not ours, read in a process of their own.
 *
 * Our files have a seal that is checked before HDF5 sees a byte; these have none, and HDF5's
 * library may crash on them. So it reads them in a child process, which can do nothing but end
 * (docs/decisions/0054-hdf5.md). */
#ifndef DG_STORE_FOREIGN_H
#define DG_STORE_FOREIGN_H
#include "table/source.h"

/** The reader of DG_CODEC_HDF5, for dg_source.reader. LOCAL; what arrays.h says of columns holds.
 *
 *  Opening forks this process. The child may take 3 GiB of memory more than there is, and ten
 *  seconds of processor time for what HDF5 reads at a time; it opens no other file, and is gone
 * when the reader is closed or this process dies. Fault site "read". Errors also DG_ERR_DATA where
 * the child dies. */
const dg_table_reader *dg_foreign_reader(void);

#endif
