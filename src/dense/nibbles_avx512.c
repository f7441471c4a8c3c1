#define LANES        16
#define VARIANT      avx512
#define VARIANT_NAME "avx512"
#include "dense/nibbles_kernels.h"
