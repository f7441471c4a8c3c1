#include "models/model.h"

#include "models/als/als.h"
#include "models/ease/ease.h"
#include "models/neighbors/knn.h"
#include "models/popular/popular.h"
#include "models/slim/slim.h"

#include <string.h>

static const dg_model_class *const classes[] = {
    &dg_ials_class,     &dg_als_class,      &dg_ease_class,    &dg_slim_class,
    &dg_item_knn_class, &dg_user_knn_class, &dg_popular_class, NULL};

const dg_model_class *const *dg_model_all(void) { return classes; }

const dg_model_class *dg_model_find(const char *name)
{
    for (size_t k = 0; classes[k] != NULL; k++)
        if (strcmp(classes[k]->name, name) == 0) return classes[k];
    return NULL;
}
