#define LANES        16
#define VARIANT      avx512vnni
#define VARIANT_NAME "avx512vnni"
#include "dense/nibbles_kernels.h"
