#include "base/log.h"

#include "base/clock.h"
#include "base/pulse.h"
#include "base/text.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static struct {
    int rank;
    dg_log_level threshold;
    FILE *file;
    double start;
} logger = {.threshold = DG_LOG_INFO};

static struct {
    char what[64], unit[24];
    int64_t total;
    double start, shown;
    bool on_line; /* an unfinished terminal line is standing */
} progress;

void dg_log_setup(int rank, dg_log_level threshold)
{
    logger.rank = rank;
    logger.threshold = threshold;
    logger.start = dg_now();
}

dg_log_level dg_log_hush(dg_log_level threshold)
{
    const dg_log_level before = logger.threshold;
    if (threshold > before || before == DG_LOG_WARN) logger.threshold = threshold;
    return before;
}

dg_status dg_log_open(const char *path, dg_err *err)
{
    if (logger.rank != 0) return DG_OK;
    dg_log_close();
    logger.file = fopen(path, "a");
    return logger.file == NULL ? dg_err_errno(err, path, "cannot write the log") : DG_OK;
}

void dg_log_close(void)
{
    if (logger.file != NULL) fclose(logger.file);
    logger.file = NULL;
}

static pthread_mutex_t one_speaker = PTHREAD_MUTEX_INITIALIZER;

static void clear_line(void)
{
    if (progress.on_line) fputs("\r\033[K", stderr);
    progress.on_line = false;
}

/* Texts quote file names and cells of any encoding, and may be cut inside a character; JSON takes
 * only UTF-8. */
static void mend_utf8(char *text)
{
    const size_t n = strlen(text);
    for (size_t i = 0; i < n;) {
        const size_t step = dg_utf8_step(text + i, n - i);
        if (step == 0) text[i] = '?';
        i += step == 0 ? 1 : step;
    }
}

static void write_json(dg_log_level level, const char *event, const char *text, json_t *fields)
{
    static const char *const names[] = {"debug", "info", "warn", "error"};
    json_t *line = json_pack("{s:f, s:s, s:s, s:i, s:s, s:s}", "t", dg_now() - logger.start,
                             "level", names[level], "event", event, "rank", logger.rank, "phase",
                             dg_pulse_read().stage, "text", text);
    if (line == NULL) return;
    if (fields != NULL) json_object_update(line, fields);
    json_dumpf(line, logger.file, JSON_COMPACT | JSON_REAL_PRECISION(9));
    fputc('\n', logger.file);
    fflush(logger.file);
    json_decref(line);
}

static void say(dg_log_level level, const char *event, json_t *fields, const char *fmt, va_list ap)
{
    char text[1024];
    vsnprintf(text, sizeof text, fmt, ap);
    pthread_mutex_lock(&one_speaker);
    if (level >= logger.threshold) {
        clear_line();
        fprintf(stderr, "%s%s\n", level == DG_LOG_WARN ? "warning: " : "", text);
    }
    if (logger.file != NULL) {
        mend_utf8(text);
        write_json(level, event, text, fields);
    }
    pthread_mutex_unlock(&one_speaker);
}

void dg_log(dg_log_level level, const char *event, const char *fmt, ...)
{
    if (logger.rank != 0) return;
    va_list ap;
    va_start(ap, fmt);
    say(level, event, NULL, fmt, ap);
    va_end(ap);
}

void dg_log_fields(dg_log_level level, const char *event, json_t *fields, const char *fmt, ...)
{
    if (logger.rank == 0) {
        va_list ap;
        va_start(ap, fmt);
        say(level, event, fields, fmt, ap);
        va_end(ap);
    }
    json_decref(fields);
}

void dg_log_any_rank(dg_log_level level, const char *event, json_t *fields, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    say(level, event, fields, fmt, ap);
    va_end(ap);
    json_decref(fields);
}

void dg_progress_begin(const char *what, const char *unit, int64_t total)
{
    dg_pulse_doing(what);
    snprintf(progress.what, sizeof progress.what, "%s", what);
    snprintf(progress.unit, sizeof progress.unit, "%s", unit);
    progress.total = total;
    progress.start = progress.shown = dg_now();
}

static void describe(int64_t done, const char *note, char *line, size_t n)
{
    char count[32], left[32];
    const double spent = dg_now() - progress.start;
    const double share = progress.total > 0 ? (double)done / (double)progress.total : 0;
    dg_show_count(done, count, sizeof count);
    if (share > 0)
        snprintf(line, n, "%s %3.0f%% (%s %s), %s left%s%s", progress.what, 100 * share, count,
                 progress.unit, dg_show_seconds(spent * (1 - share) / share, left, sizeof left),
                 note ? ", " : "", note ? note : "");
    else
        snprintf(line, n, "%s %s %s%s%s", progress.what, count, progress.unit, note ? ", " : "",
                 note ? note : "");
}

void dg_progress(int64_t done, const char *note)
{
    char line[256];
    dg_pulse_beat();
    if (logger.rank != 0 || logger.threshold > DG_LOG_INFO) return;
    const bool terminal = isatty(STDERR_FILENO);
    const double now = dg_now();
    if (now - progress.shown < (terminal ? 0.1 : 10.0)) return;
    progress.shown = now;
    describe(done, note, line, sizeof line);
    pthread_mutex_lock(&one_speaker);
    fprintf(stderr, terminal ? "\r\033[K%s" : "%s\n", line);
    progress.on_line = terminal;
    pthread_mutex_unlock(&one_speaker);
}

void dg_progress_end(void)
{
    dg_pulse_doing(NULL);
    pthread_mutex_lock(&one_speaker);
    clear_line();
    pthread_mutex_unlock(&one_speaker);
}
