//===- ReferenceCommand.cpp - Logits of a checkpoint, in double precision -===//
#include "compiler/Reference/ReferenceCommand.h"
#include "compiler/Import/FirstError.h"
#include "compiler/Import/ImportIR.h"
#include "compiler/Reference/ReferenceSession.h"
#include "passes/Passes.h"
#include "runtime/Support/Json.h"

#include "mlir/Pass/PassManager.h"

#include <filesystem>

namespace mm1 {

Expected<std::vector<int32_t>>
readTokenIds(const std::string &path, int64_t vocabSize, int64_t maxTokens) {
  auto json = readJson(path);
  if (!json)
    return json.takeError();
  const nlohmann::json *list = &*json;
  if (list->is_object()) {
    auto found = list->find("ids");
    if (found == list->end())
      return inputError(path + ": has no 'ids'; expected a list of token ids");
    list = &*found;
  }
  if (!list->is_array())
    return inputError(path + ": is " + describeJson(*list) +
                      "; expected a list of token ids");
  if (list->empty())
    return inputError(path + ": the list of token ids is empty");
  if (list->size() > static_cast<size_t>(maxTokens))
    return inputError(path + ": has " + std::to_string(list->size()) +
                      " token ids; the model takes at most " +
                      std::to_string(maxTokens));
  std::vector<int32_t> ids;
  for (const nlohmann::json &item : *list) {
    // An unsigned number above INT64_MAX would read as a negative one: refused
    // all the same.
    int64_t id = item.is_number_integer() ? item.get<int64_t>() : -1;
    if (id < 0 || id >= vocabSize)
      return inputError(path + ": id " + std::to_string(ids.size()) + " is " +
                        describeJson(item) + "; expected an integer in 0.." +
                        std::to_string(vocabSize - 1));
    ids.push_back(static_cast<int32_t>(id));
  }
  return ids;
}

Expected<mlir::mm1::Tensor> runReference(const Checkpoint &checkpoint,
                                         std::span<const int32_t> ids,
                                         const std::string &quant) {
  using namespace mlir;
  MLIRContext context;
  FirstError error(&context);
  auto module = mlir::mm1::importModel(context, checkpoint,
                                       {mlir::mm1::ComputeType::F32});
  if (failed(module))
    return error.take("import");
  PassManager passes(&context);
  passes.addPass(mlir::mm1::createQuantize({quant}));
  if (failed(passes.run(**module)))
    return error.take("quantize");

  mlir::mm1::CheckpointWeights weights(checkpoint);
  mlir::mm1::ReferenceSession session(**module, weights,
                                      static_cast<int64_t>(ids.size()));
  auto outputs = session.append("prefill", ArrayRef(ids.data(), ids.size()));
  if (failed(outputs))
    return error.take("reference");
  auto logits = session.logits(*outputs);
  if (failed(logits))
    return error.take("reference");
  return std::move(*logits);
}

Status referenceCommand(const ReferenceArguments &arguments) {
  const std::string &output = arguments.output;
  std::error_code code;
  if (std::filesystem::exists(output, code))
    return inputError(output + ": exists already; give another --output");
  auto config = ModelConfig::load(arguments.checkpoint + "/config.json");
  if (!config)
    return config.takeError();
  auto ids = readTokenIds(arguments.ids, config->vocabSize,
                          config->maxPositionEmbeddings);
  if (!ids)
    return ids.takeError();
  auto checkpoint = Checkpoint::open(arguments.checkpoint, *config);
  if (!checkpoint)
    return checkpoint.takeError();
  auto logits = runReference(*checkpoint, *ids, arguments.quant);
  if (!logits)
    return logits.takeError();

  auto writer = SafeTensorsWriter::create(
      output, {{"logits", ElementType::F64, logits->shape}});
  if (!writer)
    return writer.takeError();
  Status status = writer->write(0, 0, std::as_bytes(std::span(logits->values)));
  if (status)
    status = writer->finish();
  if (!status)
    std::filesystem::remove(output, code); // half a file helps nobody
  return status;
}

} // namespace mm1
