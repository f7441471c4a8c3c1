#define LANES        4
#define VARIANT      portable
#define VARIANT_NAME "portable"
#include "dense/panel_kernels.h"
