/* nodes.h - a gate as it was parsed: nodes that name their operands by number. Internal to
 * registry/. */
#ifndef DG_REGISTRY_NODES_H
#define DG_REGISTRY_NODES_H
#include "registry/gate.h"

typedef enum dg_gate_op {
    DG_GATE_NUMBER,
    DG_GATE_MINE,   /* a metric of the new model */
    DG_GATE_THEIRS, /* a metric of the champion */
    DG_GATE_MINUS,
    DG_GATE_ADD,
    DG_GATE_SUB,
    DG_GATE_MUL,
    DG_GATE_DIV, /* those up to here are numbers, those after it conditions */
    DG_GATE_LT,
    DG_GATE_LE,
    DG_GATE_GT,
    DG_GATE_GE,
    DG_GATE_NOT,
    DG_GATE_AND,
    DG_GATE_OR
} dg_gate_op;

typedef struct dg_gate_node {
    dg_gate_op op;
    double number;
    int name;        /* DG_GATE_MINE, DG_GATE_THEIRS; -1: the one that the comparison names */
    int left, right; /* operands, which stand before this node; left alone for one operand */
    int begin, end;  /* bytes of the text it was parsed from */
} dg_gate_node;

struct dg_gate {
    char *text;
    int n, root;
    dg_gate_node node[DG_GATE_NODES];
    int n_names;
    char name[DG_GATE_NAMES][DG_GATE_NAME_SIZE];
    bool asks_champion;
};

/** Is the node a condition? LOCAL. */
static inline bool dg_gate_is_condition(const dg_gate_node *n) { return n->op > DG_GATE_DIV; }

/** Does it compare two numbers? LOCAL. */
static inline bool dg_gate_compares(const dg_gate_node *n)
{
    return n->op >= DG_GATE_LT && n->op <= DG_GATE_GE;
}

#endif
