//===- Schedule.h - A cluster's schedule, read ----------------------------===//
// What emitters and the plan want to know of
//
//   schedule {panels = 2 : i64, per = 1 : i64, tasks = 32 : i64, unit = "one"}
//
// (passes/Fuse/ScheduleChoice.h chooses it): a grid of 32 tasks, and knobs.
//===----------------------------------------------------------------------===//
#pragma once

#include "dialects/Plan/Plan.h"

namespace mlir::plan {

struct Schedule {
  /// The grid has tasks * ceil(count(unit) / per) tasks.
  int64_t tasks = 1;
  GridUnit unit = GridUnit::One;
  int64_t per = 1;
  DictionaryAttr attributes;

  /// Reports on the cluster that its schedule is missing, or that `tasks`,
  /// `unit` or `per` is.
  static FailureOr<Schedule> read(mm1::ClusterOp cluster);
  /// The integer of this name, or `fallback`.
  int64_t get(StringRef name, int64_t fallback) const;
};

} // namespace mlir::plan
