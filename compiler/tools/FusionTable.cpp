//===- FusionTable.cpp - The decisions of fusion, for people and programs -===//
#include "compiler/tools/FusionTable.h"

#include "compiler/Import/ModuleText.h"

#include <algorithm>
#include <tuple>

using mlir::mm1::FusionDecision;

namespace mm1 {

FusionTable::FusionTable(mlir::MLIRContext *context)
    : handler(context, [this](mlir::Diagnostic &diagnostic) {
        std::optional<FusionDecision> decision =
            mlir::mm1::decisionOf(diagnostic);
        if (decision)
          add(*decision, diagnostic.getLocation());
        return mlir::success(decision.has_value());
      }) {}

void FusionTable::add(const FusionDecision &decision, mlir::Location place) {
  auto key = [](const FusionDecision &d) {
    return std::tie(d.fusion, d.entry, d.what, d.isTaken, d.why);
  };
  for (Row &row : rows)
    if (key(row.decision) == key(decision)) {
      ++row.count;
      return;
    }
  rows.push_back({decision, mlir::mm1::nameOfPlace(place), 1});
}

std::vector<const FusionTable::Row *> FusionTable::sorted() const {
  std::vector<const Row *> result;
  std::vector<std::string> fusions, subjects;
  auto placeIn = [](std::vector<std::string> &names, const std::string &name) {
    auto found = std::find(names.begin(), names.end(), name);
    if (found == names.end())
      found = names.insert(names.end(), name);
    return found - names.begin();
  };
  std::vector<std::tuple<long, bool, long, const Row *>> keyed;
  for (const Row &row : rows) {
    const FusionDecision &decision = row.decision;
    keyed.push_back({placeIn(fusions, decision.fusion), !decision.isTaken,
                     placeIn(subjects, decision.what), &row});
  }
  // Rows lie in one vector: the last key keeps the order of entries.
  std::sort(keyed.begin(), keyed.end());
  for (auto &[fusion, declined, subject, row] : keyed)
    result.push_back(row);
  return result;
}

std::string FusionTable::text() const {
  std::string text;
  const FusionDecision *before = nullptr;
  for (const Row *row : sorted()) {
    const FusionDecision &decision = row->decision;
    bool isNew = !before || before->fusion != decision.fusion;
    if (isNew)
      text += decision.fusion + "\n";
    if (isNew || before->what != decision.what ||
        before->isTaken != decision.isTaken)
      text += std::string(decision.isTaken ? "  taken     " : "  declined  ") +
              decision.what +
              (row->first.empty() ? "" : ", first " + row->first) + "\n";
    text += "              " + std::to_string(row->count) + " in " +
            decision.entry + ": " + decision.why + "\n";
    before = &decision;
  }
  return text;
}

nlohmann::ordered_json FusionTable::json() const {
  nlohmann::ordered_json result = nlohmann::ordered_json::array();
  for (const Row *row : sorted())
    result.push_back({{"fusion", row->decision.fusion},
                      {"what", row->decision.what},
                      {"taken", row->decision.isTaken},
                      {"entry", row->decision.entry},
                      {"count", row->count},
                      {"why", row->decision.why},
                      {"first", row->first}});
  return result;
}

} // namespace mm1
