//===- KitWriter.cpp - Write the folder that Kit.h reads ------------------===//
#include "test/gpu/KitWriter.h"
#include "runtime/Artifact/Manifest.h"
#include "runtime/Support/MappedFile.h"
#include "runtime/Support/WriteFile.h"

#include <cstring>
#include <filesystem>

namespace mm1::kit {

namespace fs = std::filesystem;

void KitWriter::addModule(const std::string &name,
                          const std::string &architecture, std::string cubin,
                          std::string host) {
  std::string path = "modules/" + name + "-" + architecture;
  nlohmann::ordered_json module = {{"name", name},
                                   {"architecture", architecture},
                                   {"cubin", path + ".cubin"}};
  files[path + ".cubin"] = std::move(cubin);
  if (!host.empty()) {
    module["host"] = path + ".so";
    files[path + ".so"] = std::move(host);
  }
  modules.push_back(std::move(module));
}

std::string KitWriter::addTensor(const std::string &name, ElementType type,
                                 std::vector<std::byte> bytes) {
  std::string key = std::string(mm1::name(type)) + hashHex(bytes) +
                    std::to_string(bytes.size());
  auto [known, isNew] = byHash.try_emplace(key, name);
  if (isNew)
    tensors.push_back({name, type, std::move(bytes)});
  return known->second;
}

nlohmann::ordered_json KitWriter::describe(KernelCase made,
                                           const std::string &group) {
  nlohmann::ordered_json arguments = nlohmann::ordered_json::array();
  for (size_t i = 0; i < made.arguments.size(); ++i) {
    CaseArgument &argument = made.arguments[i];
    std::string tensor = group + "." + made.name + "." + std::to_string(i);
    nlohmann::ordered_json out = {{"bytes", argument.sizeBytes}};
    if (!argument.initial.empty())
      out["initial"] =
          addTensor(tensor, ElementType::U8, std::move(argument.initial));
    if (!argument.expected.empty()) {
      std::vector<std::byte> bytes(argument.expected.size() * sizeof(double));
      std::memcpy(bytes.data(), argument.expected.data(), bytes.size());
      out["element"] = std::string(mm1::name(argument.element));
      out["expected"] =
          addTensor(tensor + ".answer", ElementType::F64, std::move(bytes));
      out["absolute"] = argument.absolute;
      out["relative"] = argument.relative;
    }
    arguments.push_back(std::move(out));
  }
  return {{"name", made.name},
          {"group", group},
          {"place", made.place},
          {"module", made.module},
          {"kernel", made.kernel},
          {"blocks", made.blocks},
          {"threads", made.threads},
          {"shared_bytes", made.sharedBytes},
          {"arguments", std::move(arguments)},
          {"tolerance", made.tolerance},
          {"moved_bytes", made.movedBytes},
          {"flops", made.flops}};
}

void KitWriter::addCase(KernelCase made, const std::string &group,
                        const std::vector<std::string> &architectures) {
  nlohmann::ordered_json json = describe(std::move(made), group);
  if (!architectures.empty())
    json["architectures"] = architectures;
  cases.push_back(std::move(json));
}

void KitWriter::addLeftOut(const LeftOut &kernel) {
  leftOut.push_back({{"name", kernel.name}, {"why", kernel.why}});
}

void KitWriter::addQuestion(const Question &question,
                            std::optional<KernelCase> made) {
  nlohmann::ordered_json json = {{"name", question.name},
                                 {"question", question.question},
                                 {"source", question.source}};
  if (!question.measure.empty())
    json["measure"] = question.measure;
  if (!question.needs.empty())
    json["needs"] = question.needs;
  if (made) {
    json["case"] = describe(std::move(*made), "questions");
    json["asked"] = question.asked;
    json["answers"] = nlohmann::ordered_json::array();
    for (const Answer &answer : question.answers)
      json["answers"].push_back(
          {{"text", answer.text}, {"words", answer.words}});
  }
  questions.push_back(std::move(json));
}

Status KitWriter::write(const std::string &folder) const {
  std::error_code code;
  if (fs::exists(folder, code))
    return inputError(folder + ": is there already; remove it first");
  // Made beside its place and then renamed, so that there is no half a kit.
  std::string partial = folder + ".partial";
  fs::remove_all(partial, code);
  fs::create_directories(partial + "/modules", code);
  if (code)
    return fileError(partial, "cannot create", code.value());
  std::vector<TensorDecl> declared;
  for (const Tensor &tensor : tensors)
    declared.push_back(
        {tensor.name,
         tensor.type,
         {int64_t(tensor.bytes.size() / mm1::sizeBytes(tensor.type))}});
  auto writer = SafeTensorsWriter::create(partial + "/" + kTensorsFile,
                                          std::move(declared));
  if (!writer)
    return writer.takeError();
  for (size_t i = 0; i < tensors.size(); ++i)
    if (Status status = writer->write(i, 0, tensors[i].bytes); !status)
      return status;
  if (Status status = writer->finish(); !status)
    return status;
  nlohmann::ordered_json hashes = nlohmann::ordered_json::array();
  for (const auto &[path, bytes] : files) {
    if (Status status = writeFile(partial + "/" + path, bytes); !status)
      return status;
    hashes.push_back(
        {{"path", path}, {"xxh3", hashHex(std::as_bytes(std::span(bytes)))}});
  }
  auto written = MappedFile::open(partial + "/" + kTensorsFile);
  if (!written)
    return written.takeError();
  hashes.push_back(
      {{"path", kTensorsFile}, {"xxh3", hashHex(written->bytes())}});
  std::string index = sealManifest({{"format", "mm1-gpu-kit"},
                                    {"version", kKitVersion},
                                    {"made_from", origin},
                                    {"files", std::move(hashes)},
                                    {"modules", modules},
                                    {"questions", questions},
                                    {"cases", cases},
                                    {"left_out", leftOut}});
  if (Status status = writeFile(partial + "/" + kIndexFile, index); !status)
    return status;
  fs::rename(partial, folder, code);
  if (code)
    return fileError(folder, "cannot create", code.value());
  return {};
}

} // namespace mm1::kit
