/* catalogue.h - the tables that do not depend on behaviour: goods, shoppers, scenes, friends, and
 * the planted truth itself. Each is a `make` of dg_sheet; `from` is a dg_shop. */
#ifndef DG_GENERATE_CATALOGUE_H
#define DG_GENERATE_CATALOGUE_H
#include "generate/lines.h"
#include "generate/shop.h"

#define DG_GOODS_HEADER    "item,title,category,brand,price,text\n"
#define DG_SHOPPERS_HEADER "user,age,city\n"
#define DG_SCENES_HEADER   "scene,place,weather,device,hour\n"
#define DG_FRIENDS_HEADER  "a,b\n"

/** Rows of 64 goods. LOCAL. Errors DG_ERR_NOMEM (so all of these). */
dg_status dg_make_goods(void *from, int64_t unit, dg_lines *out, dg_err *err);

/** Rows of 64 shoppers. LOCAL. */
dg_status dg_make_shoppers(void *from, int64_t unit, dg_lines *out, dg_err *err);

/** Rows of 64 scenes. LOCAL. */
dg_status dg_make_scenes(void *from, int64_t unit, dg_lines *out, dg_err *err);

/** Hour of the day, UTC, of a scene. LOCAL, O(1). */
int dg_scene_hour(const dg_shop *s, int64_t scene);

/** The ties 64 shoppers start, each pair of people once; likes attract. LOCAL. */
dg_status dg_make_friends(void *from, int64_t unit, dg_lines *out, dg_err *err);

/** user,bias,f1,…: what was planted in 64 shoppers. z = <p_u, q_i>. LOCAL. */
dg_status dg_make_truth_users(void *from, int64_t unit, dg_lines *out, dg_err *err);

/** item,bias,weight,f1,…: what was planted in 64 goods. LOCAL. */
dg_status dg_make_truth_items(void *from, int64_t unit, dg_lines *out, dg_err *err);

#endif
