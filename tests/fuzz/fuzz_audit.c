/* An audit log of any bytes is whole, or refused with its line. */
#include "fuzz.h"

#include "serve/guard/audit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char path[64];

static void remove_file(void) { unlink(path); }

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    dg_audit_seen seen;
    dg_err err;
    if (path[0] == '\0') {
        const bool memory = access("/dev/shm", W_OK) == 0;
        snprintf(path, sizeof path, "%s/daogou-fuzz-XXXXXX", memory ? "/dev/shm" : "/tmp");
        const int made = mkstemp(path);
        if (made < 0 || atexit(remove_file) != 0) abort();
        close(made);
    }
    FILE *out = fopen(path, "w");
    if (out == NULL || fwrite(data, 1, n, out) != n || fclose(out) != 0) abort();
    if (dg_audit_verify(path, &seen, &err) != DG_OK) return 0;
    if (seen.lines > (int64_t)n || strlen(seen.last) != DG_HEX_SIZE - 1) abort();
    if (seen.lines > 0 && data[n - 1] != '\n') abort();
    return 0;
}
