//===- PackedModel.h - A small model on its way to an artifact ------------===//
// What the tests of this folder start from: a checkpoint of test/data/goldens,
// imported and lowered to a plan as mm1c compile does it.
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/Artifact/ArtifactWriter.h"
#include "compiler/Import/ImportIR.h"
#include "dialects/Plan/Plan.h"
#include "passes/Pipeline.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"

#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>
#include <gtest/gtest.h>
#include <sstream>
#include <sys/wait.h>
#include <unistd.h>

namespace mm1 {

/// A folder of its own for one test, removed at its end.
class TemporaryFolder {
public:
  TemporaryFolder() {
    std::string pattern =
        (std::filesystem::temp_directory_path() / "mm1-artifact-XXXXXX")
            .string();
    path = ::mkdtemp(pattern.data());
  }
  ~TemporaryFolder() { std::filesystem::remove_all(path); }
  std::string operator/(const std::string &name) const {
    return path + "/" + name;
  }
  /// Names of everything in it, sorted.
  std::vector<std::string> list() const {
    std::vector<std::string> names;
    for (const auto &entry : std::filesystem::directory_iterator(path))
      names.push_back(entry.path().filename());
    std::sort(names.begin(), names.end());
    return names;
  }

  std::string path;
};

/// A golden checkpoint and its plan.
struct PackedModel {
  explicit PackedModel(const std::string &folder,
                       const std::string &scheme = "none",
                       const std::string &target = "cpu")
      : folder(folder) {
    context.loadDialect<mlir::mm1::MM1Dialect, mlir::plan::PlanDialect,
                        mlir::func::FuncDialect>();
    auto loaded = ModelConfig::load(folder + "/config.json");
    EXPECT_TRUE(loaded);
    auto opened = Checkpoint::open(folder, *loaded);
    EXPECT_TRUE(opened) << (opened ? "" : opened.error().message);
    checkpoint.emplace(std::move(*opened));
    auto imported = mlir::mm1::importModel(context, *checkpoint, {});
    EXPECT_TRUE(mlir::succeeded(imported));
    module = std::move(*imported);
    mlir::mm1::PipelineOptions options;
    options.scheme = scheme;
    options.target = target;
    options.maxSequences = 2;
    options.maxContext = 100;
    options.prefillTokens = 20;
    mlir::PassManager passes(&context);
    mlir::mm1::buildPipeline(passes, options, mlir::mm1::Stage::Plan);
    EXPECT_TRUE(mlir::succeeded(passes.run(*module)));
  }

  /// One build of each module, and a scratch size for every kernel: 0, 64, ...
  BuiltKernels built() {
    BuiltKernels kernels;
    for (auto part : module->getOps<mlir::plan::KernelModuleOp>()) {
      if (std::optional<llvm::StringRef> arch = part.getArch())
        kernels.variants.push_back(
            {{arch->str(), "kernels/" + part.getSymName().str() + ".cubin"}});
      else
        kernels.variants.push_back({{"x86-64-v3", "kernels/cpu-x86-64-v3.so"}});
    }
    for ([[maybe_unused]] auto kernel : module->getOps<mlir::plan::KernelOp>())
      kernels.scratchBytes.push_back(64 * kernels.scratchBytes.size());
    return kernels;
  }

  std::string folder;
  /// No threads of its own: some tests fork.
  mlir::MLIRContext context{mlir::MLIRContext::Threading::DISABLED};
  std::optional<Checkpoint> checkpoint;
  mlir::OwningOpRef<mlir::ModuleOp> module;
};

inline std::string golden(const std::string &name) {
  return std::string(MM1_TEST_DATA) + "/goldens/" + name;
}

inline std::string readText(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

/// Writes a checkpoint like goldens/base of another width into `folder`: its
/// experts' w1 are [intermediate, hidden]. `fill` gives the bytes of a tensor;
/// none leaves zeros.
inline void writeWideCheckpoint(
    const std::string &folder, int64_t hidden, int64_t intermediate,
    const std::function<std::vector<std::byte>(const TensorDecl &)> &fill) {
  std::string text = readText(golden("base") + "/config.json");
  auto replace = [&](const std::string &key, int64_t from, int64_t to) {
    std::string old = "\"" + key + "\": " + std::to_string(from);
    ASSERT_NE(text.find(old), text.npos) << old;
    text.replace(text.find(old), old.size(),
                 "\"" + key + "\": " + std::to_string(to));
  };
  replace("hidden_size", 32, hidden);
  replace("intermediate_size", 48, intermediate);
  std::ofstream(folder + "/config.json") << text;
  auto config = ModelConfig::load(folder + "/config.json");
  ASSERT_TRUE(config) << config.error().message;
  TensorTable table(*config, ExpertLayout::PerExpert);
  std::vector<TensorDecl> tensors;
  for (const ExpectedTensor &tensor : table.tensors())
    tensors.push_back({tensor.name, tensor.type, tensor.shape});
  // Wide elements first: without padding between, each stays aligned.
  std::sort(tensors.begin(), tensors.end(), [](auto &a, auto &b) {
    return std::pair(sizeBytes(b.type), a.name) <
           std::pair(sizeBytes(a.type), b.name);
  });
  SafeTensorsWriter::Options options;
  options.alignment = 1;
  auto writer = SafeTensorsWriter::create(folder + "/model.safetensors",
                                          tensors, options);
  ASSERT_TRUE(writer) << writer.error().message;
  for (size_t i = 0; i < tensors.size(); ++i)
    if (std::vector<std::byte> bytes = fill(tensors[i]); !bytes.empty()) {
      ASSERT_TRUE(writer->write(i, 0, bytes));
    }
  ASSERT_TRUE(writer->finish());
}

/// Runs `work` in a process of its own; true when it ended by itself with exit
/// code 0.
template <typename Work> bool succeedsInChild(Work work) {
  pid_t child = ::fork();
  if (child == 0)
    ::_exit(work() ? 0 : 1);
  int status = 0;
  return ::waitpid(child, &status, 0) == child && WIFEXITED(status) &&
         WEXITSTATUS(status) == 0;
}

/// Runs `work` in a process of its own and kills that when `condition` holds;
/// false when it ended before.
template <typename Work, typename Condition>
bool killedInChild(Work work, Condition condition) {
  pid_t child = ::fork();
  if (child == 0) {
    work();
    ::_exit(0);
  }
  int status = 0;
  while (!condition()) {
    if (::waitpid(child, &status, WNOHANG) == child)
      return false;
    ::usleep(1000);
  }
  ::kill(child, SIGKILL);
  return ::waitpid(child, &status, 0) == child && WIFSIGNALED(status) &&
         WTERMSIG(status) == SIGKILL;
}

/// Options that pack on two threads of which one stops for ever behind its
/// first piece, while the other goes on: a run that is sure to be killed with
/// some tensors finished and one not.
inline PackOptions stuckOptions() {
  PackOptions options;
  options.threads = 2;
  options.progress = [](const PackProgress &) {
    for (;;)
      ::pause();
  };
  return options;
}

} // namespace mm1
