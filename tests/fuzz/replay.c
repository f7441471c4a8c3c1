/* replay.c - in place of libFuzzer: gives every file of the folders named to the fuzzer, once. */
#include "fuzz.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

static int run_file(const char *folder, const char *name)
{
    enum { MOST = 1 << 20 };
    static uint8_t bytes[MOST];
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "rb");
    if (f == NULL) {
        perror(path);
        return EXIT_FAILURE;
    }
    const size_t n = fread(bytes, 1, sizeof bytes, f);
    fclose(f);
    uint8_t *exact = malloc(n + (n == 0)); /* so that a sanitizer sees a byte too many */
    for (size_t k = 0; k < n; k++) exact[k] = bytes[k];
    LLVMFuzzerTestOneInput(exact, n);
    free(exact);
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    int failed = EXIT_SUCCESS, files = 0;
    for (int k = 1; k < argc; k++) {
        DIR *folder = opendir(argv[k]);
        for (struct dirent *e; folder != NULL && (e = readdir(folder)) != NULL;) {
            if (e->d_name[0] == '.') continue;
            failed |= run_file(argv[k], e->d_name);
            files++;
        }
        if (folder != NULL) closedir(folder);
    }
    printf("%d seeds\n", files);
    return files > 0 ? failed : EXIT_FAILURE;
}
