/* made_tables.h - one table, as csv and as HDF5 files of every kind that is read. */
#ifndef TESTS_MADE_TABLES_H
#define TESTS_MADE_TABLES_H
#include "base/text.h"

enum { MADE_WAYS = 5 };

typedef struct made_way {
    const char *user, *item, *value, *time; /* paths in the file */
    const char *what;
} made_way;

/* 0 contiguous arrays of numbers, big-endian and small ones, fixed strings
 * 1 chunked, packed and checked; strings of any length
 * 2 an array of records, chunked and packed
 * 3 newest file format with 1024 bytes in front, arrays of one row, blanks behind strings
 * 4 as small as can be: everything in the headers */
extern const made_way made_ways[MADE_WAYS];

/** Append "user,item,value,time" and `rows` lines: ids of goods with separators, quotes and bytes
 *  beyond ASCII among them. */
void made_table_csv(int rows, dg_text *out);

/** Write the same rows to a file. Aborts where it cannot. */
void made_table_hdf5(const char *path, int way, int rows);

#endif
