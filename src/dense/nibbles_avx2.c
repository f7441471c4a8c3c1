#define LANES        8
#define VARIANT      avx2
#define VARIANT_NAME "avx2"
#include "dense/nibbles_kernels.h"
