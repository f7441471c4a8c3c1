#include "registry/nodes.h"

#include "base/memory.h"

#include <stdio.h>
#include <string.h>

enum { DEEPEST = 64 };

typedef struct parser {
    dg_gate *g;
    const char *text;
    int at;    /* byte of the text */
    int depth; /* of parentheses and signs: the parser's own stack is bounded */
    dg_status st;
    dg_err *err;
} parser;

static int parse_or(parser *p);

static int fail_at(parser *p, int at, const char *what)
{
    if (p->st == DG_OK) p->st = DG_FAIL(p->err, DG_ERR_CONFIG, "column %d: %s", at + 1, what);
    return 0;
}

static int fail(parser *p, const char *what) { return fail_at(p, p->at, what); }

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

static int blanks(const parser *p) { return (int)strspn(p->text + p->at, " \t\n"); }

static void skip_blanks(parser *p) { p->at += blanks(p); }

/* Is the next thing this sign? Then it is taken; else nothing is, not even blanks. */
static bool take_sign(parser *p, const char *sign)
{
    const int n = (int)strlen(sign), before = blanks(p);
    if (strncmp(p->text + p->at + before, sign, (size_t)n) != 0) return false;
    p->at += before + n;
    return true;
}

/* Likewise a word, which does not go on. */
static bool take_word(parser *p, const char *word)
{
    const int begin = p->at;
    if (take_sign(p, word) && !is_word(p->text[p->at])) return true;
    p->at = begin;
    return false;
}

static int add_node(parser *p, dg_gate_node node)
{
    dg_gate *g = p->g;
    if (p->st != DG_OK) return 0;
    if (g->n == DG_GATE_NODES) return fail(p, "the gate is too long");
    node.end = p->at;
    g->node[g->n] = node;
    return g->n++;
}

static const dg_gate_node *node_of(const parser *p, int k) { return &p->g->node[k]; }

static int operate(parser *p, dg_gate_op op, int left, int right, int at)
{
    if (p->st != DG_OK) return 0;
    const bool wants = op == DG_GATE_NOT || op == DG_GATE_AND || op == DG_GATE_OR;
    const dg_gate_node *a = node_of(p, left), *b = node_of(p, right);
    if (dg_gate_is_condition(a) != wants || dg_gate_is_condition(b) != wants)
        return fail_at(p, at,
                       wants ? "expected a condition on both sides, as in a >= b and c >= d"
                             : "a condition is not a number");
    return add_node(p, (dg_gate_node){.op = op, .left = left, .right = right, .begin = a->begin});
}

/* ndcg@100: the bytes of a metric's name from p->at on. */
static int name_length(const parser *p)
{
    int n = 0;
    while (is_word(p->text[p->at + n])) n++;
    if (n == 0 || p->text[p->at + n] != '@') return n;
    int k = n + 1;
    while (p->text[p->at + k] >= '0' && p->text[p->at + k] <= '9') k++;
    return k == n + 1 ? n : k;
}

static int take_name(parser *p)
{
    dg_gate *g = p->g;
    const int n = name_length(p);
    const char c = p->text[p->at];
    if (n == 0 || (c >= '0' && c <= '9')) return fail(p, "expected the name of a metric"), -1;
    if (n >= DG_GATE_NAME_SIZE) return fail(p, "the name of a metric is too long"), -1;
    char name[DG_GATE_NAME_SIZE];
    snprintf(name, sizeof name, "%.*s", n, p->text + p->at);
    int k = 0;
    while (k < g->n_names && strcmp(g->name[k], name) != 0) k++;
    if (k == DG_GATE_NAMES) return fail(p, "too many different metrics"), -1;
    if (k == g->n_names) memcpy(g->name[g->n_names++], name, sizeof name);
    p->at += n;
    return k;
}

static int parse_number(parser *p)
{
    static const char digits[] = "0123456789.";
    const int begin = p->at;
    double value;
    int n = (int)strspn(p->text + begin, digits);
    const char *e = p->text + begin + n;
    if (*e == 'e' || *e == 'E') { /* 1e-3 */
        const int sign = e[1] == '-' || e[1] == '+';
        const int power = (int)strspn(e + 1 + sign, "0123456789");
        if (power > 0) n += 1 + sign + power;
    }
    if (!dg_parse_double(p->text + begin, (size_t)n, &value)) return fail(p, "not a number");
    p->at += n;
    return add_node(p, (dg_gate_node){.op = DG_GATE_NUMBER, .number = value, .begin = begin});
}

static int parse_name(parser *p)
{
    const int begin = p->at;
    static const char *const reserved[] = {"and", "or", "not"};
    for (size_t k = 0; k < 3; k++) {
        if (!take_word(p, reserved[k])) continue;
        return fail_at(p, begin, "expected a metric, a number or a parenthesis");
    }
    if (!take_word(p, "champion")) {
        const int name = take_name(p);
        return add_node(p, (dg_gate_node){.op = DG_GATE_MINE, .name = name, .begin = begin});
    }
    p->g->asks_champion = true;
    int name = -1;
    if (p->text[p->at] == '.') {
        p->at++;
        name = take_name(p);
    }
    return add_node(p, (dg_gate_node){.op = DG_GATE_THEIRS, .name = name, .begin = begin});
}

static int parse_primary(parser *p)
{
    skip_blanks(p);
    const char c = p->text[p->at];
    const int begin = p->at;
    if ((c >= '0' && c <= '9') || c == '.') return parse_number(p);
    if (is_word(c)) return parse_name(p);
    if (c == '\0') return fail(p, "the gate ends too early");
    if (c != '(') return fail(p, "expected a metric, a number or a parenthesis");
    p->at++;
    const int inside = parse_or(p);
    if (p->st != DG_OK) return 0;
    if (!take_sign(p, ")")) return fail(p, "expected \")\"");
    p->g->node[inside].begin = begin; /* texts of comparisons show their parentheses */
    p->g->node[inside].end = p->at;
    return inside;
}

static int parse_sign(parser *p)
{
    skip_blanks(p);
    const int begin = p->at;
    if (++p->depth > DEEPEST) return fail(p, "the gate is nested too deeply");
    int out;
    if (take_sign(p, "-")) {
        const int inside = parse_sign(p);
        out = operate(p, DG_GATE_MINUS, inside, inside, begin);
        if (p->st == DG_OK) p->g->node[out].begin = begin;
    } else {
        out = parse_primary(p);
    }
    p->depth--;
    return out;
}

static int parse_product(parser *p)
{
    int left = parse_sign(p);
    while (p->st == DG_OK) {
        const int at = p->at + blanks(p);
        const dg_gate_op op = take_sign(p, "*")   ? DG_GATE_MUL
                              : take_sign(p, "/") ? DG_GATE_DIV
                                                  : DG_GATE_NUMBER;
        if (op == DG_GATE_NUMBER) break;
        left = operate(p, op, left, parse_sign(p), at);
    }
    return left;
}

static int parse_sum(parser *p)
{
    int left = parse_product(p);
    while (p->st == DG_OK) {
        const int at = p->at + blanks(p);
        const dg_gate_op op = take_sign(p, "+")   ? DG_GATE_ADD
                              : take_sign(p, "-") ? DG_GATE_SUB
                                                  : DG_GATE_NUMBER;
        if (op == DG_GATE_NUMBER) break;
        left = operate(p, op, left, parse_product(p), at);
    }
    return left;
}

/* What "champion" alone stands for below a comparison: the one metric it names. */
static void name_champion(parser *p, int compare)
{
    dg_gate *g = p->g;
    int first = compare, one = -1, bare = -1;
    /* Operands stand before their operator, and those of one comparison in one stretch. */
    while (first > 0 && g->node[first - 1].begin >= g->node[compare].begin) first--;
    for (int k = first; k < compare; k++) {
        const dg_gate_node *n = &g->node[k];
        if (n->op == DG_GATE_THEIRS && n->name < 0) bare = k;
        if (n->op != DG_GATE_MINE) continue;
        if (one >= 0 && one != n->name)
            one = DG_GATE_NAMES;
        else if (one < 0)
            one = n->name;
    }
    if (bare < 0) return;
    if (one < 0 || one == DG_GATE_NAMES) {
        fail_at(p, g->node[bare].begin,
                one < 0 ? "which metric of the champion? as in champion.ndcg@100"
                        : "which metric of the champion? the comparison names several");
        return;
    }
    for (int k = first; k < compare; k++)
        if (g->node[k].op == DG_GATE_THEIRS && g->node[k].name < 0) g->node[k].name = one;
}

static int parse_comparison(parser *p)
{
    const int left = parse_sum(p);
    if (p->st != DG_OK) return 0;
    const int at = p->at + blanks(p);
    const dg_gate_op op = take_sign(p, "<=")   ? DG_GATE_LE
                          : take_sign(p, ">=") ? DG_GATE_GE
                          : take_sign(p, "<")  ? DG_GATE_LT
                          : take_sign(p, ">")  ? DG_GATE_GT
                                               : DG_GATE_NUMBER;
    if (op == DG_GATE_NUMBER) return left;
    const int out = operate(p, op, left, parse_sum(p), at);
    if (p->st == DG_OK) name_champion(p, out);
    return out;
}

static int parse_not(parser *p)
{
    skip_blanks(p);
    const int begin = p->at;
    if (!take_word(p, "not")) return parse_comparison(p);
    if (++p->depth > DEEPEST) return fail(p, "the gate is nested too deeply");
    const int inside = parse_not(p);
    p->depth--;
    const int out = operate(p, DG_GATE_NOT, inside, inside, begin);
    if (p->st == DG_OK) p->g->node[out].begin = begin;
    return out;
}

static int parse_and(parser *p)
{
    int left = parse_not(p);
    for (int at = p->at + blanks(p); p->st == DG_OK && take_word(p, "and"); at = p->at + blanks(p))
        left = operate(p, DG_GATE_AND, left, parse_not(p), at);
    return left;
}

static int parse_or(parser *p)
{
    int left = parse_and(p);
    for (int at = p->at + blanks(p); p->st == DG_OK && take_word(p, "or"); at = p->at + blanks(p))
        left = operate(p, DG_GATE_OR, left, parse_and(p), at);
    return left;
}

dg_status dg_gate_parse(const char *text, dg_gate **out, dg_err *err)
{
    dg_gate *g = *out = dg_alloc(1, sizeof *g);
    if (g == NULL || (g->text = dg_strdup(text)) == NULL) {
        dg_gate_destroy(out);
        return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for a gate");
    }
    parser p = {.g = g, .text = g->text, .err = err};
    if (strlen(text) > 4000)
        fail(&p, "the gate is too long");
    else
        g->root = parse_or(&p);
    skip_blanks(&p);
    if (p.st == DG_OK && p.text[p.at] != '\0') fail(&p, "expected and, or, or the end");
    if (p.st == DG_OK && !dg_gate_is_condition(&g->node[g->root]))
        fail_at(&p, 0, "a gate is a condition, as in ndcg@100 >= 0.98 * champion");
    if (p.st != DG_OK) dg_gate_destroy(out);
    return p.st;
}

void dg_gate_destroy(dg_gate **g)
{
    if (*g == NULL) return;
    dg_free((*g)->text);
    dg_free(*g);
    *g = NULL;
}

int dg_gate_names(const dg_gate *g) { return g->n_names; }

const char *dg_gate_name(const dg_gate *g, int k) { return g->name[k]; }

bool dg_gate_asks_champion(const dg_gate *g) { return g->asks_champion; }
