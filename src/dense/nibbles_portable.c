#define LANES        4
#define VARIANT      portable
#define VARIANT_NAME "portable"
#include "dense/nibbles_kernels.h"
