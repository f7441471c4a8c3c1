/* Is the shop what it claims to be? Rank 0 reads the files back with a reader of its own. */
#include "generate/generate.h"

#include "base/text.h"
#include "mpi_main.h"
#include "scratch.h"

#include <math.h>

enum { COLUMNS_MAX = 16, USERS = 700, ITEMS = 400, EVENTS = 30000, RATINGS = 40000 };

/* A whole CSV file: cell (row, column) is cell[row * n_cols + column]; row 0 is the header. */
typedef struct csv {
    char *bytes;
    char **cell;
    int64_t n_rows;
    int n_cols;
} csv;

static dg_err err;
static dg_generate_options options;
static dg_generate_report report;
static const char *folder;

/* RFC 4180, strictly: a field is quoted or holds no quote. Unquotes in place; NULL: malformed. */
static char *read_field(char *at, char **field, char *end_of_field)
{
    char *out = at;
    *field = at;
    if (*at == '"') {
        for (at++; *at != '\0'; *out++ = *at++)
            if (*at == '"' && *++at != '"') break;
    } else {
        while (*at != ',' && *at != '\n' && *at != '\0') {
            if (*at == '"') return NULL;
            at++;
        }
        out = at;
    }
    *end_of_field = *at;
    if (*at != ',' && *at != '\n') return NULL;
    *out = '\0';
    return at + 1;
}

static bool read_rows(csv *t, size_t lines)
{
    char *at = t->bytes, end;
    t->cell = calloc((lines + 1) * COLUMNS_MAX, sizeof *t->cell);
    while (at != NULL && *at != '\0') {
        int n = 0;
        do {
            at = read_field(at, &t->cell[t->n_rows * t->n_cols + n], &end);
        } while (at != NULL && end == ',' && ++n < COLUMNS_MAX);
        if (at == NULL || (t->n_rows > 0 && n + 1 != t->n_cols)) return false;
        t->n_cols = n + 1;
        t->n_rows++;
    }
    return at != NULL;
}

/* On rank 0. */
static bool read_csv(const char *name, csv *t)
{
    char path[600];
    size_t lines = 0;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    *t = (csv){0};
    FILE *f = fopen(path, "rb");
    if (f == NULL || fseek(f, 0, SEEK_END) != 0) return false;
    const long n = ftell(f);
    rewind(f);
    t->bytes = calloc((size_t)n + 1, 1);
    const bool whole = fread(t->bytes, 1, (size_t)n, f) == (size_t)n;
    fclose(f);
    for (long k = 0; k < n; k++) lines += t->bytes[k] == '\n';
    return whole && read_rows(t, lines);
}

static void free_csv(csv *t)
{
    free(t->cell);
    free(t->bytes);
}

static const char *cell(const csv *t, int64_t row, int col)
{
    return t->cell[row * t->n_cols + col];
}

static int64_t number(const csv *t, int64_t row, int col)
{
    int64_t v;
    const char *at = cell(t, row, col);
    return dg_parse_int64(at, strlen(at), &v) ? v : -1;
}

static double real(const csv *t, int64_t row, int col) { return atof(cell(t, row, col)); }

/* Run a check on rank 0 alone; all ranks hear the answer. */
#define ck_assert_root(call) ck_assert_all(world.rank != 0 || (call))

static void make_shop(void)
{
    int tag = (int)getpid();
    MPI_Bcast(&tag, 1, MPI_INT, 0, world.comm);
    folder = scratch(tag, "shop");
    ck_assert_all(dg_generate_preset("shop-small", &options, &err) == DG_OK);
    options.users = USERS;
    options.items = ITEMS;
    options.events = EVENTS;
    options.ratings = RATINGS;
    options.truth = true;
    ck_assert_all(dg_generate(&world, &options, folder, &report, &err) == DG_OK);
}

static bool is_numbered(const char *name, const char *first_column, int64_t n)
{
    csv t = {0};
    bool right =
        read_csv(name, &t) && t.n_rows == n + 1 && strcmp(cell(&t, 0, 0), first_column) == 0;
    for (int64_t row = 1; right && row <= n; row++) right = number(&t, row, 0) == row;
    free_csv(&t);
    return right;
}

START_TEST(every_table_is_csv_with_ids_from_one)
{
    make_shop();
    ck_assert_root(is_numbered("goods.csv", "item", ITEMS));
    ck_assert_root(is_numbered("shoppers.csv", "user", USERS));
    ck_assert_root(is_numbered("scenes.csv", "scene", options.scenes));
    ck_assert_root(is_numbered("truth_users.csv", "user", USERS));
    ck_assert_root(is_numbered("truth_items.csv", "item", ITEMS));
}
END_TEST

static bool goods_are_described(void)
{
    csv t = {0};
    int quotes = 0, commas = 0, chinese = 0;
    bool right = read_csv("goods.csv", &t) && t.n_cols == 6;
    for (int64_t row = 1; right && row < t.n_rows; row++) {
        quotes += strchr(cell(&t, row, 5), '"') != NULL;
        commas += strchr(cell(&t, row, 1), ',') != NULL;
        chinese += (unsigned char)cell(&t, row, 1)[0] >= 0xE4;
        right = real(&t, row, 4) > 0 && cell(&t, row, 2)[0] != '\0' &&
                strstr(cell(&t, row, 1), cell(&t, row, 3)) != NULL; /* the title names the brand */
    }
    free_csv(&t);
    return right && quotes == ITEMS && commas == ITEMS && chinese == ITEMS;
}

START_TEST(titles_are_bilingual_and_quotes_survive_reading)
{
    ck_assert_root(goods_are_described());
}
END_TEST

static int kind_of(const csv *t, int64_t row)
{
    for (int k = 0; k < DG_N_EVENTS; k++)
        if (strcmp(cell(t, row, 2), dg_event_names[k]) == 0) return k;
    return -1;
}

static bool within(int64_t v, int64_t low, int64_t high) { return v >= low && v <= high; }

static bool events_hold_together(void)
{
    csv t = {0};
    int64_t counts[DG_N_EVENTS] = {0};
    const int64_t end = DG_START_TIME + (options.days + 1) * 86400;
    bool right = read_csv("events.csv", &t) && t.n_rows == EVENTS + 1;
    for (int64_t row = 1; right && row < t.n_rows; row++) {
        const int kind = kind_of(&t, row);
        const bool same_user = row > 1 && number(&t, row, 0) == number(&t, row - 1, 0);
        right = kind >= 0 && within(number(&t, row, 0), 1, USERS) &&
                within(number(&t, row, 1), 1, ITEMS) &&
                within(number(&t, row, 3), DG_START_TIME, end) &&
                within(number(&t, row, 4), 1, options.scenes) &&
                (row == 1 || number(&t, row, 0) >= number(&t, row - 1, 0)) &&
                (!same_user || number(&t, row, 3) > number(&t, row - 1, 3));
        if (right) counts[kind]++;
    }
    for (int k = 0; k < DG_N_EVENTS; k++) right = right && counts[k] == report.events[k];
    free_csv(&t);
    return right;
}

START_TEST(events_name_what_exists_in_order_of_time) { ck_assert_root(events_hold_together()); }
END_TEST

/* The last time of each kind, by item, of the shopper whose rows go by. */
static bool funnel_is_kept(void)
{
    static int64_t last[ITEMS + 1][DG_N_EVENTS];
    csv t = {0};
    bool right = read_csv("events.csv", &t);
    for (int64_t row = 1; right && row < t.n_rows; row++) {
        if (row > 1 && number(&t, row, 0) != number(&t, row - 1, 0)) memset(last, 0, sizeof last);
        const int64_t item = number(&t, row, 1), time = number(&t, row, 3);
        const int kind = kind_of(&t, row);
        if (kind == DG_EVENT_CART) right = within(last[item][DG_EVENT_VIEW], 1, time - 1);
        if (kind == DG_EVENT_BUY) right = within(last[item][DG_EVENT_CART], 1, time - 1);
        last[item][kind] = time;
    }
    free_csv(&t);
    return right && report.events[DG_EVENT_CART] > report.events[DG_EVENT_BUY] &&
           report.events[DG_EVENT_BUY] > EVENTS / 50;
}

START_TEST(what_is_bought_was_in_the_cart_and_looked_at_before)
{
    ck_assert_root(funnel_is_kept());
}
END_TEST

/* Most of a session lies in the hour of its scene; its end may run over. */
static bool hours_fit_scenes(void)
{
    csv t = {0}, scenes = {0};
    int64_t fits = 0;
    const bool right = read_csv("events.csv", &t) && read_csv("scenes.csv", &scenes);
    for (int64_t row = 1; right && row < t.n_rows; row++)
        fits += number(&t, row, 3) / 3600 % 24 == number(&scenes, number(&t, row, 4), 4);
    free_csv(&t);
    free_csv(&scenes);
    return right && fits > EVENTS * 8 / 10;
}

START_TEST(sessions_happen_at_the_hour_of_their_scene) { ck_assert_root(hours_fit_scenes()); }
END_TEST

static bool ratings_hold_together(void)
{
    static int64_t rated_by[ITEMS + 1];
    csv t = {0};
    const int64_t end = DG_START_TIME + options.days * 86400;
    bool right = read_csv("ratings.csv", &t) && t.n_rows == RATINGS + 1;
    for (int64_t row = 1; right && row < t.n_rows; row++) {
        const int64_t user = number(&t, row, 0), item = number(&t, row, 1);
        const double halves = 2 * real(&t, row, 2);
        right = within(user, 1, USERS) && within(item, 1, ITEMS) && rated_by[item] != user &&
                halves == floor(halves) && halves >= 1 && halves <= 10 &&
                within(number(&t, row, 3), DG_START_TIME, end - 1);
        if (right && row > 1 && number(&t, row - 1, 0) == user)
            right = number(&t, row, 3) >= number(&t, row - 1, 3);
        if (right) rated_by[item] = user; /* rows are by user, so the last rater tells */
        if (right && row > 1) right = user >= number(&t, row - 1, 0);
    }
    free_csv(&t);
    return right;
}

START_TEST(nobody_rates_an_item_twice) { ck_assert_root(ratings_hold_together()); }
END_TEST

static bool friends_are_pairs(void)
{
    static bool tied[USERS + 1][USERS + 1];
    csv t = {0};
    bool right = read_csv("friends.csv", &t) && t.n_rows > USERS;
    for (int64_t row = 1; right && row < t.n_rows; row++) {
        const int64_t a = number(&t, row, 0), b = number(&t, row, 1);
        right = within(a, 1, USERS) && within(b, 1, USERS) && a != b && !tied[a][b] && !tied[b][a];
        if (right) tied[a][b] = true;
    }
    free_csv(&t);
    return right;
}

START_TEST(friends_are_two_people_tied_once) { ck_assert_root(friends_are_pairs()); }
END_TEST

typedef struct moments {
    double n, x, y, xx, yy, xy;
} moments;

static void add_point(moments *m, double x, double y)
{
    m->n++;
    m->x += x;
    m->y += y;
    m->xx += x * x;
    m->yy += y * y;
    m->xy += x * y;
}

static double slope(const moments *m)
{
    return (m->n * m->xy - m->x * m->y) / (m->n * m->xx - m->x * m->x);
}

static double correlation(const moments *m)
{
    return (m->n * m->xy - m->x * m->y) /
           sqrt((m->n * m->xx - m->x * m->x) * (m->n * m->yy - m->y * m->y));
}

/* z = <p_u, q_i> from the truth files. */
static double planted_z(const csv *users, const csv *items, int64_t user, int64_t item)
{
    double z = 0;
    for (int f = 0; f < options.n_factors; f++)
        z += real(users, user, 2 + f) * real(items, item, 3 + f);
    return z;
}

static double clipped(double v) { return v < 0.5 ? 0.5 : v > 5 ? 5 : v; }

/* Ratings less mean and biases, against the planted affinity; and the error of the truth. */
static bool ratings_follow_the_truth(void)
{
    csv t = {0}, users = {0}, items = {0};
    moments m = {0};
    double squares = 0;
    const bool right = read_csv("ratings.csv", &t) && read_csv("truth_users.csv", &users) &&
                       read_csv("truth_items.csv", &items);
    for (int64_t row = 1; right && row < t.n_rows; row++) {
        const int64_t user = number(&t, row, 0), item = number(&t, row, 1);
        const double base = options.mean + real(&users, user, 1) + real(&items, item, 1);
        const double z = planted_z(&users, &items, user, item);
        add_point(&m, z, real(&t, row, 2) - base);
        const double off = real(&t, row, 2) - clipped(base + options.taste_spread * z);
        squares += off * off;
    }
    free_csv(&t);
    free_csv(&users);
    free_csv(&items);
    /* Noise 0.75 against a spread of 0.75 among what is taken leaves a correlation near 0.7. */
    return right && correlation(&m) > 0.6 && slope(&m) > 0.8 * options.taste_spread &&
           fabs(sqrt(squares / m.n) - report.rmse_planted_clipped) < 1e-4 &&
           report.rmse_planted < options.noise + 0.05;
}

START_TEST(ratings_carry_the_planted_affinity) { ck_assert_root(ratings_follow_the_truth()); }
END_TEST

/* Mean affinity of one kind of event. */
static double mean_z(const csv *t, const csv *users, const csv *items, int kind)
{
    double sum = 0, n = 0;
    for (int64_t row = 1; row < t->n_rows; row++) {
        if (kind_of(t, row) != kind) continue;
        sum += planted_z(users, items, number(t, row, 0), number(t, row, 1));
        n++;
    }
    return sum / n;
}

static bool events_follow_taste(void)
{
    csv t = {0}, users = {0}, items = {0};
    const bool right = read_csv("events.csv", &t) && read_csv("truth_users.csv", &users) &&
                       read_csv("truth_items.csv", &items);
    const double viewed = mean_z(&t, &users, &items, DG_EVENT_VIEW);
    const double bought = mean_z(&t, &users, &items, DG_EVENT_BUY);
    free_csv(&t);
    free_csv(&users);
    free_csv(&items);
    return right && viewed > 0.6 && bought > viewed + 0.3; /* strangers to an item: 0 */
}

START_TEST(shoppers_look_at_what_they_like_and_buy_what_they_like_most)
{
    ck_assert_root(events_follow_taste());
}
END_TEST

static int by_count(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x > y ? -1 : x < y;
}

/* Without taste, counts are the Zipf law itself (but for nobody taking an item twice). */
static bool popularity_falls_as_asked(void)
{
    int64_t count[ITEMS + 1] = {0}, head = 0;
    csv t = {0};
    moments m = {0};
    const bool right = read_csv("ratings.csv", &t);
    for (int64_t row = 1; right && row < t.n_rows; row++) count[number(&t, row, 1) - 1]++;
    free_csv(&t);
    qsort(count, ITEMS, sizeof *count, by_count);
    for (int k = 0; k < ITEMS / 2; k++)
        add_point(&m, log(k + 1 + options.item_shift), log((double)count[k]));
    for (int k = 0; k < ITEMS / 10; k++) head += count[k];
    /* head of the law: sum over the first tenth of 1/(r+10), over that of all: 1.55/3.66 */
    return right && fabs(slope(&m) + options.item_exponent) < 0.1 &&
           fabs((double)head / (double)options.ratings - 0.424) < 0.03;
}

START_TEST(popularity_follows_zipf)
{
    make_shop();
    options.events = 0;
    options.choosiness = 0;
    options.ratings = 10 * USERS;
    options.most = 0.1;
    ck_assert_all(dg_generate(&world, &options, folder, &report, &err) == DG_OK);
    ck_assert_root(popularity_falls_as_asked());
}
END_TEST

static bool activity_has_a_tail(void)
{
    int64_t count[USERS + 1] = {0};
    csv t = {0};
    const bool right = read_csv("ratings.csv", &t);
    for (int64_t row = 1; right && row < t.n_rows; row++) count[number(&t, row, 0) - 1]++;
    free_csv(&t);
    qsort(count, USERS, sizeof *count, by_count);
    return right && count[0] > 6 * options.ratings / USERS && count[USERS - 1] >= options.fewest &&
           count[USERS / 2] < options.ratings / USERS;
}

START_TEST(few_shoppers_do_much_and_most_do_little)
{
    options.most = 1;
    ck_assert_all(dg_generate(&world, &options, folder, &report, &err) == DG_OK);
    ck_assert_root(activity_has_a_tail());
}
END_TEST

static bool truth_is_told(void)
{
    char path[600];
    const char *format;
    json_int_t users, rank, views;
    double rmse, noise;
    snprintf(path, sizeof path, "%s/truth.json", folder);
    json_t *truth = json_load_file(path, 0, NULL);
    const bool right =
        json_unpack(truth, "{s:s, s:{s:I, s:I, s:F}, s:{s:F}, s:{s:I}}", "format", &format,
                    "options", "users", &users, "rank", &rank, "noise", &noise, "ratings",
                    "rmse_planted", &rmse, "events", "view", &views) == 0 &&
        strcmp(format, "daogou-truth") == 0 && users == USERS && rank == options.n_factors &&
        noise == options.noise && fabs(rmse - report.rmse_planted) < 1e-12 &&
        views == report.events[DG_EVENT_VIEW];
    json_decref(truth);
    return right;
}

START_TEST(truth_json_tells_what_was_planted) { ck_assert_root(truth_is_told()); }
END_TEST

START_TEST(clean_up)
{
    MPI_Barrier(world.comm);
    if (world.rank == 0) scratch_remove();
}
END_TEST

MPI_MAIN("planted", every_table_is_csv_with_ids_from_one,
         titles_are_bilingual_and_quotes_survive_reading, events_name_what_exists_in_order_of_time,
         what_is_bought_was_in_the_cart_and_looked_at_before,
         sessions_happen_at_the_hour_of_their_scene, nobody_rates_an_item_twice,
         friends_are_two_people_tied_once, ratings_carry_the_planted_affinity,
         shoppers_look_at_what_they_like_and_buy_what_they_like_most, popularity_follows_zipf,
         few_shoppers_do_much_and_most_do_little, truth_json_tells_what_was_planted, clean_up)
