/* daogou_serve_line.h - the command line of daogou-serve. */
#ifndef DG_CLI_DAOGOU_SERVE_LINE_H
#define DG_CLI_DAOGOU_SERVE_LINE_H
#include "serve/server.h"

typedef struct dg_serve_line {
    const char *artifact;
    const char *registry, *model;              /* in place of the artifact */
    const char *trusted_keys, *encryption_key; /* files; NULL: none */
    const char *rules;                         /* file of a merchandiser's rules; NULL: none */
    double look_every;                         /* seconds between looks at the registry */
    bool challenger; /* another model answers some users, or beside the champion */
    dg_tls_files tls;
    const char *tokens;
    const char *events; /* folder; NULL: no events are taken */
    size_t event_bytes; /* of memory for users with events */
    bool insecure;      /* answer beyond loopback all the same */
    const char *user;
    bool sandbox;
    const char *access, *impressions, *audit, *pseudonym_key; /* files; NULL: none */
    dg_server_options server;
} dg_serve_line;

/** Parse the line; what is wrong with it, --help and --version end the process. LOCAL. */
void dg_serve_parse(int argc, char **argv, dg_serve_line *out);

#endif
