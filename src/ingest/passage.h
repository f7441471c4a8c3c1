/* passage.h - what one stretch of a file of ratings says, as a file of its own: what was parsed
 * once need not be parsed again (docs/retraining.md).
 *
 * It holds what the text says before anything that other files, or a time window, decide about. A
 * rank writes and reads the passages of its own stretches. */
#ifndef DG_INGEST_PASSAGE_H
#define DG_INGEST_PASSAGE_H
#include "base/strings.h"
#include "comm/comm.h"
#include "ingest/reading.h"

enum { DG_PASSAGE_VERSION = 1 };

struct dg_container;

/* Zero-initialise; free with dg_passage_free. */
typedef struct dg_passage {
    dg_strings user, item;           /* ids, in the order they came */
    int64_t n;                       /* events, in the order they came */
    const int32_t *user_code;        /* (n,) places in user */
    const int32_t *item_code;        /* (n,) and in item */
    const float *value;              /* (n,) weighed */
    const int64_t *time;             /* (n,) NULL where the data has no times */
    dg_reading_tally tally;          /* of records, bad ones and filters; `outside` is 0 */
    bool dated;                      /* times are a column of the file: a window applies to it */
    int64_t lines, first, end;       /* as of dg_records */
    const struct dg_container *file; /* that holds the events of one that was read */
} dg_passage;

/** Take over what was read of a stretch. LOCAL. Errors DG_ERR_NOMEM.
 *  @param[in,out] user, item, events  empty afterwards, also on failure */
dg_status dg_passage_take(dg_ids *user, dg_ids *item, dg_events *events, dg_passage *out,
                          dg_err *err);

/** Write. LOCAL; `alone` is a communicator of this rank only, `key` what the passage is known by.
 * Errors as store/writer.h. */
dg_status dg_passage_write(const dg_comm *alone, const dg_passage *p, const char *path,
                           const char *key, dg_err *err);

/** Read; nothing in the file is trusted. LOCAL. Errors DG_ERR_NOINPUT there is none; DG_ERR_DATA it
 * is damaged, or of another key or version; DG_ERR_IO; DG_ERR_NOMEM. *out is then empty. */
dg_status dg_passage_read(const char *path, const char *key, dg_passage *out, dg_err *err);

/** Can it stand for its stretch under this window [begin, end) of times? LOCAL. Bad values count
 * inside the window only, and which lines are quoted depends on that: a passage that has some
 * outside cannot. */
bool dg_passage_tells_all(const dg_passage *p, dg_range window);

/** Add what parsing the stretch would have added to a reading. LOCAL. Errors DG_ERR_NOMEM; as
 * dg_ids_code.
 */
dg_status dg_passage_add(const dg_passage *p, dg_range window, dg_input_kind kind, int64_t stretch,
                         dg_reading *to, dg_err *err);

/** LOCAL, twice-safe. */
void dg_passage_free(dg_passage *p);

#endif
