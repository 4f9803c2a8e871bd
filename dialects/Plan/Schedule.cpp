//===- Schedule.cpp - A cluster's schedule, read --------------------------===//
#include "dialects/Plan/Schedule.h"

using namespace mlir;
using namespace mlir::plan;

FailureOr<Schedule> Schedule::read(mm1::ClusterOp cluster) {
  Schedule schedule;
  schedule.attributes = cluster.getScheduleAttr();
  if (!schedule.attributes)
    return cluster.emitOpError("expects a schedule: run schedule-clusters");
  schedule.tasks = schedule.get("tasks", 0);
  schedule.per = schedule.get("per", 0);
  auto name = schedule.attributes.getAs<StringAttr>("unit");
  std::optional<GridUnit> unit =
      name ? symbolizeGridUnit(name.getValue()) : std::nullopt;
  if (schedule.tasks < 1 || schedule.per < 1 || !unit)
    return cluster.emitOpError()
           << "expects a schedule with positive 'tasks' and 'per', and unit = "
              "\"one\", \"tokens\" or \"sequences\", found "
           << schedule.attributes;
  schedule.unit = *unit;
  return schedule;
}

int64_t Schedule::get(StringRef name, int64_t fallback) const {
  auto attribute = attributes.getAs<IntegerAttr>(name);
  return attribute && attribute.getType().isSignlessInteger()
             ? attribute.getInt()
             : fallback;
}
