/* fuzz.h - what a fuzzer defines, and libFuzzer or replay.c calls. */
#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H
#include <stddef.h>
#include <stdint.h>

/** One input; returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#endif
