/* words.h - the words goods, shoppers and scenes are named with, in Chinese and English.
 * Brands are invented. */
#ifndef DG_GENERATE_WORDS_H
#define DG_GENERATE_WORDS_H

enum {
    DG_N_CATEGORIES = 12,
    DG_N_NOUNS = 6, /* per category */
    DG_N_USES = 2,  /* per category */
    DG_N_BRANDS = 24,
    DG_N_ADJECTIVES = 20,
    DG_N_COLOURS = 10,
    DG_N_CITIES = 20,
    DG_N_PLACES = 6,
    DG_N_WEATHERS = 5,
    DG_N_DEVICES = 4
};

typedef struct dg_word {
    const char *zh, *en;
} dg_word;

typedef struct dg_category {
    const char *name;
    int yuan;  /* a usual price */
    int sized; /* sold by inches */
    dg_word noun[DG_N_NOUNS], use[DG_N_USES];
} dg_category;

extern const dg_category dg_categories[DG_N_CATEGORIES];
extern const dg_word dg_brands[DG_N_BRANDS];
extern const dg_word dg_adjectives[DG_N_ADJECTIVES];
extern const dg_word dg_colours[DG_N_COLOURS];
extern const char *const dg_cities[DG_N_CITIES];
extern const char *const dg_places[DG_N_PLACES];
extern const char *const dg_weathers[DG_N_WEATHERS];
extern const char *const dg_devices[DG_N_DEVICES];

#endif
