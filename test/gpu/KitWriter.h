//===- KitWriter.h - Write the folder that Kit.h reads --------------------===//
//   KitWriter kit("base, sm_90a");
//   kit.addModule("kernels_0", "sm_90a", cubin, hostModule);
//   kit.addCase(kernelCase);
//   kit.write("base.kit");     // whole or absent
//===----------------------------------------------------------------------===//
#pragma once

#include "test/gpu/Kit.h"
#include "test/gpu/PlanCases.h"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace mm1::kit {

class KitWriter {
public:
  /// \param origin  what it was made from, for people
  explicit KitWriter(std::string origin) : origin(std::move(origin)) {}

  /// \param host  bytes of the same text's host module; empty: none
  void addModule(const std::string &name, const std::string &architecture,
                 std::string cubin, std::string host);
  /// \param group          "kernels" or "conformance"
  /// \param architectures  that its kernel is built for; empty: all
  void addCase(KernelCase made, const std::string &group = "kernels",
               const std::vector<std::string> &architectures = {});
  void addLeftOut(const LeftOut &kernel);
  /// \param made  the case of a question that has one
  void addQuestion(const Question &question,
                   std::optional<KernelCase> made = std::nullopt);

  /// Writes the folder, which must not exist. Input error: it does; machine
  /// error: the disk.
  Status write(const std::string &folder) const;

  size_t numCases() const { return cases.size(); }
  size_t numQuestions() const { return questions.size(); }

private:
  nlohmann::ordered_json describe(KernelCase made, const std::string &group);
  /// Remembers bytes under a name; equal bytes are kept once.
  std::string addTensor(const std::string &name, ElementType type,
                        std::vector<std::byte> bytes);

  struct Tensor {
    std::string name;
    ElementType type;
    std::vector<std::byte> bytes;
  };
  std::string origin;
  std::vector<Tensor> tensors;
  std::map<std::string, std::string> byHash; ///< type and hash to the name
  std::map<std::string, std::string> files;  ///< path to bytes
  nlohmann::ordered_json modules = nlohmann::ordered_json::array(),
                         cases = nlohmann::ordered_json::array(),
                         leftOut = nlohmann::ordered_json::array(),
                         questions = nlohmann::ordered_json::array();
};

} // namespace mm1::kit
