#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""keywords: the most frequent words of each task's entries, made with the Python SDK.

A task's result is a list of {word, count}, the most frequent first; `{"top": N}` in its
params says how many (10). With --warm the imports and the pattern are there before the
first batch.
"""
import collections
import re

import bulkhead

WORD = re.compile(r"[^\W\d_]{3,}")


def keywords(task, batch):
    top = (task.params or {}).get("top", 10)
    if not isinstance(top, int) or top < 1:
        raise bulkhead.TaskError(f"top is {top!r}, expected a number from 1 on", "params")
    counts = collections.Counter()
    for entry in task.entries:
        counts.update(word.lower() for word in WORD.findall(entry.text))
    ordered = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    return [{"word": word, "count": count} for word, count in ordered[:top]]


bulkhead.run(keywords)
