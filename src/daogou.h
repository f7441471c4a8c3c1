/* daogou.h - all a C program needs to make, train, judge and read recommenders.
 *
 * Link with `pkg-config --libs daogou`; docs/library.md has whole programs. Each header below is
 * the manual page of its module. A program that only reads artifacts wants artifact/artifact.h and
 * `pkg-config --libs daogou-artifact` instead, which need no MPI. */
#ifndef DAOGOU_H
#define DAOGOU_H

/* What every call shares: status and error, memory, texts. */
#include "base/log.h"
#include "base/memory.h"
#include "base/status.h"
#include "base/stop.h"
#include "base/strings.h"
#include "base/text.h"
#include "base/version.h"

/* Ranks that agree. */
#include "comm/comm.h"
#include "comm/shards.h"

/* A job: parse it, run its stages. */
#include "job/config.h"
#include "job/recommend.h"
#include "job/stages.h"
#include "job/tables.h"
#include "job/work.h"

/* Models, and how they are judged. */
#include "evaluate/evaluate.h"
#include "models/model.h"

/* Files: any of them, the dataset, the artifact. */
#include "artifact/artifact.h"
#include "artifact/container.h"
#include "store/dataset.h"
#include "store/open.h"
#include "store/writer.h"

/* Made-up data. */
#include "generate/generate.h"

#endif
