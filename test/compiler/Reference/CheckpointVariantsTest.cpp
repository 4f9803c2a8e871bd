//===- CheckpointVariantsTest.cpp - Layouts on disk that no golden has ----===//
// The same numbers stored otherwise must give the same logits, bit for bit:
// experts stacked as transformers 5 holds them, and all weights in float32.
//===----------------------------------------------------------------------===//
#include "Goldens.h"
#include "compiler/Import/FirstError.h"
#include "compiler/Import/RecipeMath.h"

#include <unistd.h>

using namespace mlir;
using namespace mlir::mm1;
using ::mm1::CheckpointTensor;
using ::mm1::ElementType;
namespace fs = std::filesystem;

namespace {

struct StoredTensor {
  ::mm1::TensorDecl decl;
  std::vector<std::byte> bytes;
};

StoredTensor copyOf(const CheckpointTensor &tensor) {
  return {{std::string(tensor.name),
           tensor.type,
           {tensor.shape.begin(), tensor.shape.end()}},
          {tensor.bytes.begin(), tensor.bytes.end()}};
}

void widenToF32(StoredTensor &tensor) {
  std::vector<float> floats(tensor.bytes.size() / sizeBytes(tensor.decl.type));
  ::mm1::toFloat(tensor.decl.type, tensor.bytes, floats);
  auto bytes = std::as_bytes(std::span(floats));
  tensor.decl.type = ElementType::F32;
  tensor.bytes.assign(bytes.begin(), bytes.end());
}

/// A folder with `config` of a golden and other tensors, removed at the end.
class CheckpointVariants : public ::testing::Test {
protected:
  void SetUp() override {
    folder = fs::path(::testing::TempDir()) /
             ("checkpoint-variants-" + std::to_string(::getpid()));
    fs::remove_all(folder);
    fs::create_directory(folder);
  }
  void TearDown() override { fs::remove_all(folder); }

  ::mm1::Checkpoint write(const std::string &golden,
                          const std::vector<StoredTensor> &tensors) {
    fs::copy_file(kGoldens + golden + "/config.json", folder / "config.json");
    std::vector<::mm1::TensorDecl> decls;
    for (const StoredTensor &tensor : tensors)
      decls.push_back(tensor.decl);
    ::mm1::SafeTensorsWriter::Options options;
    options.alignment = 1; // no padding tensors in between
    auto writer = Golden::require(::mm1::SafeTensorsWriter::create(
        folder / "model.safetensors", decls, options));
    for (auto [i, tensor] : llvm::enumerate(tensors))
      EXPECT_TRUE(writer.write(i, 0, tensor.bytes));
    EXPECT_TRUE(writer.finish());
    return Golden::open(folder);
  }

  /// Expects the logits of `golden`'s prompt 2 from the rewritten checkpoint.
  void expectSameLogits(Golden &golden, const ::mm1::Checkpoint &rewritten) {
    MLIRContext context;
    auto module = importModel(context, rewritten, {ComputeType::F32});
    ASSERT_TRUE(succeeded(module));
    ASSERT_TRUE(succeeded(verifyImported(**module, rewritten)));
    CheckpointWeights weights(rewritten);
    EXPECT_EQ(
        prefillLogits(**module, weights, golden.ids(2)).values,
        prefillLogits(*golden.module, golden.weights, golden.ids(2)).values);
  }

  fs::path folder;
};

/// block_sparse_moe.experts.E.w1|w3|w2 become gate_up_proj [E, 2I, H] and
/// down_proj [E, H, I]; in E's order the bytes of w1 and w3 just follow each
/// other.
TEST_F(CheckpointVariants, StackedExperts) {
  Golden golden("native-naming");
  const auto &config = golden.checkpoint.config();
  int64_t E = config.numExperts, I = config.intermediateSize,
          H = config.hiddenSize;
  std::vector<StoredTensor> tensors, stacked(2 * config.numLayers);
  for (const CheckpointTensor &tensor : golden.checkpoint.tensors()) {
    StoredTensor copy = copyOf(tensor);
    std::string &name = copy.decl.name;
    std::string layer = "model.layers." + std::to_string(tensor.layer) + ".";
    if (tensor.role == ::mm1::TensorRole::Router)
      name = layer + "mlp.gate.weight";
    if (tensor.expert < 0) {
      tensors.push_back(std::move(copy));
      continue;
    }
    bool isDown = tensor.role == ::mm1::TensorRole::ExpertDown;
    StoredTensor &target = stacked[2 * tensor.layer + isDown];
    target.decl = {
        layer + (isDown ? "mlp.experts.down_proj" : "mlp.experts.gate_up_proj"),
        tensor.type,
        isDown ? std::vector<int64_t>{E, H, I}
               : std::vector<int64_t>{E, 2 * I, H}};
    llvm::append_range(target.bytes, copy.bytes);
  }
  llvm::append_range(tensors, stacked);
  ::mm1::Checkpoint rewritten = write("native-naming", tensors);
  ASSERT_EQ(rewritten.expertLayout(), ::mm1::ExpertLayout::Stacked);
  expectSameLogits(golden, rewritten);
}

TEST_F(CheckpointVariants, Float32Weights) {
  Golden golden("base");
  std::vector<StoredTensor> tensors;
  for (const CheckpointTensor &tensor : golden.checkpoint.tensors()) {
    tensors.push_back(copyOf(tensor));
    widenToF32(tensors.back());
  }
  expectSameLogits(golden, write("base", tensors));
}

TEST_F(CheckpointVariants, ExpertsOfTwoTypesAreRefused) {
  Golden golden("base");
  std::vector<StoredTensor> tensors;
  for (const CheckpointTensor &tensor : golden.checkpoint.tensors()) {
    tensors.push_back(copyOf(tensor));
    if (tensor.name.ends_with("layers.1.block_sparse_moe.experts.2.w3.weight"))
      widenToF32(tensors.back());
  }
  // Float32 tensors first, or they would not be aligned.
  llvm::sort(tensors, [](const StoredTensor &a, const StoredTensor &b) {
    return sizeBytes(a.decl.type) > sizeBytes(b.decl.type);
  });
  ::mm1::Checkpoint rewritten = write("base", tensors);
  MLIRContext context;
  ::mm1::FirstError error(&context);
  EXPECT_TRUE(failed(importModel(context, rewritten, {ComputeType::F32})));
  EXPECT_EQ(error.take("import").message,
            "model.layers.1.block_sparse_moe.experts.0.w3.weight: is BF16, but "
            "'model.layers.1.block_sparse_moe.experts.2.w3.weight' is F32; the "
            "experts of a layer make one weight, convert the checkpoint to one "
            "type");
}

} // namespace
