/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULKHEAD_BULKHEAD_H
#define BULKHEAD_BULKHEAD_H

/* bulkhead.h: the whole library. Handlers include bulkhead/handler.h instead. */
#include "bulkhead/batch.h"
#include "bulkhead/doctor.h"
#include "bulkhead/entry.h"
#include "bulkhead/error.h"
#include "bulkhead/event.h"
#include "bulkhead/executor.h"
#include "bulkhead/limits.h"
#include "bulkhead/planner.h"
#include "bulkhead/profile.h"
#include "bulkhead/result.h"
#include "bulkhead/retry.h"
#include "bulkhead/span.h"
#include "bulkhead/store.h"
#include "bulkhead/version.h"

#endif
