//===- Checkpoint.cpp - A folder of weights, checked against its config ---===//
// In three steps: where the tensors lie (one file, shards by index, or
// nowhere), whether the config and the files agree on names, and whether each
// tensor has the shape and a type that we read.
#include "compiler/Import/Checkpoint.h"
#include "runtime/Support/Json.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>

namespace mm1 {

static constexpr std::string_view kSingleFile = "model.safetensors";
static constexpr std::string_view kIndexFile = "model.safetensors.index.json";

/// "'a', 'b', 'c' and 4 more"
static std::string listNames(std::span<const std::string> names) {
  constexpr size_t kShown = 3;
  std::string text;
  for (size_t i = 0; i < std::min(kShown, names.size()); ++i)
    text += (i ? ", " : "") + inQuotes(names[i]);
  if (names.size() > kShown)
    text += " and " + std::to_string(names.size() - kShown) + " more";
  return text;
}

static bool isQuantisationName(std::string_view name) {
  for (std::string_view suffix : {".weight_scale", ".weight_scale_inv",
                                  ".weight_packed", ".qweight", ".scales"})
    if (name.ends_with(suffix))
      return true;
  return false;
}

/// Does `path` exist? An error when the system does not let us know.
static Expected<bool> exists(const std::string &path) {
  std::error_code code;
  auto status = std::filesystem::status(path, code);
  if (status.type() == std::filesystem::file_type::not_found)
    return false;
  if (code)
    return fileError(path, "cannot look for it", code.value());
  return true;
}

class CheckpointReader {
public:
  CheckpointReader(const std::string &folder, const ModelConfig &config)
      : folder(folder) {
    result.model = std::make_unique<ModelConfig>(config);
  }

  Expected<Checkpoint> read(bool needWeights);

private:
  Status readIndex();
  Status openShards(bool needWeights);
  Status openFile(const std::string &fileName);
  Status buildTable();
  Status checkNames(std::span<const std::string> names);
  Status checkTensors();
  Status checkIndexAgainstShards();
  void noteTotalSize();

  std::string pathOf(std::string_view fileName) const {
    return folder + "/" + std::string(fileName);
  }
  std::string indexPath() const { return pathOf(kIndexFile); }

  struct Found {
    const SafeTensor *tensor;
    uint32_t file;
  };
  std::string folder;
  Checkpoint result;
  std::map<std::string, std::string> index; // tensor -> shard
  bool hasIndex = false;
  std::optional<int64_t> indexTotalBytes;
  std::unordered_map<std::string_view, Found> found;
};

Status CheckpointReader::readIndex() {
  hasIndex = true;
  auto json = readJson(indexPath());
  if (!json)
    return json.takeError();
  auto root = JsonObject::root(*json, indexPath());
  if (!root)
    return root.takeError();
  auto map = root->object("weight_map");
  if (!map)
    return map.takeError();
  for (const auto &[name, shard] : map->raw().items()) {
    if (!shard.is_string())
      return map->mismatch(name, "the name of a file");
    std::string fileName = shard.get<std::string>();
    // Only files of this folder: an index must not make us read anything else.
    if (fileName.empty() || fileName == "." || fileName == ".." ||
        fileName.find('/') != fileName.npos ||
        fileName.find('\\') != fileName.npos ||
        fileName.find('\0') != fileName.npos)
      return map->mismatch(name, "the name of a file in the same folder");
    index.emplace(name, std::move(fileName));
  }
  if (index.empty())
    return root->error("weight_map",
                       "is empty; expected the names of the tensors");
  if (root->has("metadata"))
    if (auto metadata = root->object("metadata"))
      if (auto total = metadata->integer("total_size", 0, INT64_MAX))
        indexTotalBytes = *total;
  return Status::ok();
}

Status CheckpointReader::openFile(const std::string &fileName) {
  auto file = SafeTensorsFile::open(pathOf(fileName));
  if (!file)
    return file.takeError();
  uint32_t number = static_cast<uint32_t>(result.files.size());
  result.files.push_back(std::make_unique<SafeTensorsFile>(std::move(*file)));
  result.fileNames.push_back(fileName);
  const SafeTensorsFile &opened = *result.files.back();
  for (const SafeTensor &tensor : opened.tensors()) {
    auto [other, isNew] = found.emplace(tensor.name, Found{&tensor, number});
    if (!isNew)
      return inputError(opened.path() + ": tensor " + inQuotes(tensor.name) +
                        " is also in " + result.fileNames[other->second.file]);
  }
  if (opened.unusedBytes())
    result.noteLines.push_back(opened.path() + ": " +
                               std::to_string(opened.unusedBytes()) +
                               " bytes belong to no tensor");
  return Status::ok();
}

Status CheckpointReader::openShards(bool needWeights) {
  std::set<std::string> names;
  for (const auto &[tensor, shard] : index)
    names.insert(shard);
  std::vector<std::string> missing;
  for (const std::string &name : names) {
    auto there = exists(pathOf(name));
    if (!there)
      return there.takeError();
    if (!*there)
      missing.push_back(name);
  }
  if (missing.size() == names.size() && !needWeights)
    return Status::ok(); // an index alone
  if (!missing.empty())
    return inputError(indexPath() + ": names " + std::to_string(names.size()) +
                      " files, of which " + std::to_string(missing.size()) +
                      " are not there: " + listNames(missing));
  for (const std::string &name : names)
    if (Status status = openFile(name); !status)
      return status;
  return checkIndexAgainstShards();
}

Status CheckpointReader::checkIndexAgainstShards() {
  for (const auto &[name, shard] : index) {
    auto place = found.find(name);
    if (place == found.end())
      return inputError(pathOf(shard) + ": has no tensor " + inQuotes(name) +
                        "; " + std::string(kIndexFile) + " says it is there");
    if (const std::string &actual = result.fileNames[place->second.file];
        actual != shard)
      return inputError(pathOf(shard) + ": has no tensor " + inQuotes(name) +
                        "; " + std::string(kIndexFile) +
                        " says it is there, but it is in " + actual);
  }
  for (const auto &[name, place] : found)
    if (!index.contains(std::string(name)))
      return inputError(pathOf(result.fileNames[place.file]) + ": tensor " +
                        inQuotes(name) + " is not named in " +
                        std::string(kIndexFile));
  return Status::ok();
}

/// Chooses the layout by the names we have, takes shared widths from the
/// shapes, and builds the table.
Status CheckpointReader::buildTable() {
  auto have = [&](const std::string &name) {
    return found.contains(name) || index.contains(name);
  };
  if (have("model.layers.0.mlp.experts.gate_up_proj"))
    result.layout = ExpertLayout::Stacked;
  // The published code gives shared experts the width of the others, whatever
  // the config says: the shapes decide.
  for (int64_t layer = 0; layer < result.model->numLayers; ++layer) {
    int64_t &width = result.model->sharedWidths[static_cast<size_t>(layer)];
    auto gate = found.find("model.layers." + std::to_string(layer) +
                           ".shared_mlp.gate_proj.weight");
    if (width > 0 && gate != found.end() &&
        gate->second.tensor->shape.size() == 2)
      width = gate->second.tensor->shape[0];
  }
  result.table = std::make_unique<TensorTable>(*result.model, result.layout);
  return Status::ok();
}

Status CheckpointReader::checkNames(std::span<const std::string> names) {
  const std::string where = hasIndex ? indexPath() : pathOf(kSingleFile);
  std::set<std::string_view> have(names.begin(), names.end());
  std::vector<std::string> missing, extra;
  for (const ExpectedTensor &tensor : result.table->tensors())
    if (!have.contains(tensor.name))
      missing.push_back(tensor.name);
  for (const std::string &name : names) {
    if (result.table->find(name))
      continue;
    if (TensorTable::isIgnorable(name, *result.model))
      result.ignoredNames.push_back(name);
    else
      extra.push_back(name);
  }
  std::sort(extra.begin(), extra.end());
  std::sort(result.ignoredNames.begin(), result.ignoredNames.end());
  if (auto packed =
          std::find_if(extra.begin(), extra.end(), isQuantisationName);
      packed != extra.end())
    return inputError(where + ": tensor " + inQuotes(*packed) +
                      " is of a pre-quantised checkpoint, which is not "
                      "supported yet; start from the bfloat16 one");
  std::string message;
  if (!missing.empty())
    message =
        "has no tensor " + listNames(missing) + ", which config.json implies";
  if (!extra.empty())
    message += std::string(missing.empty() ? "" : "; ") + "has tensor " +
               listNames(extra) + ", which config.json does not imply";
  return message.empty() ? Status::ok()
                         : Status(inputError(where + ": " + message));
}

Status CheckpointReader::checkTensors() {
  for (const ExpectedTensor &wanted : result.table->tensors()) {
    CheckpointTensor used{
        wanted.name,   wanted.shape, wanted.type, wanted.role, wanted.layer,
        wanted.expert, {},           0,           {}};
    if (auto place = found.find(wanted.name); place != found.end()) {
      const SafeTensor &tensor = *place->second.tensor;
      const std::string &fileName = result.fileNames[place->second.file];
      std::string who =
          pathOf(fileName) + ": tensor " + inQuotes(wanted.name) + " is ";
      if (tensor.shape != wanted.shape)
        return inputError(who + describeShape(tensor.shape) +
                          "; config.json implies " +
                          describeShape(wanted.shape));
      if (tensor.type != ElementType::BF16 && tensor.type != ElementType::F32)
        return inputError(
            who + std::string(name(tensor.type)) +
            "; expected BF16 or F32, convert the checkpoint to bfloat16 first");
      used.type = tensor.type;
      used.file = fileName;
      used.offset = tensor.offset;
      used.bytes = tensor.bytes;
    }
    result.used.push_back(used);
  }
  return Status::ok();
}

void CheckpointReader::noteTotalSize() {
  uint64_t total = result.sizeBytes();
  for (const std::string &name : result.ignoredNames)
    if (auto place = found.find(name); place != found.end())
      total += place->second.tensor->bytes.size();
  if (indexTotalBytes && static_cast<uint64_t>(*indexTotalBytes) != total)
    result.noteLines.push_back(indexPath() + ": 'metadata.total_size' is " +
                               std::to_string(*indexTotalBytes) +
                               "; the tensors have " + std::to_string(total) +
                               " bytes");
}

Expected<Checkpoint> CheckpointReader::read(bool needWeights) {
  auto hasSingle = exists(pathOf(kSingleFile));
  if (!hasSingle)
    return hasSingle.takeError();
  auto indexThere = exists(indexPath());
  if (!indexThere)
    return indexThere.takeError();

  Status status;
  if (*hasSingle) { // as transformers chooses
    status = openFile(std::string(kSingleFile));
    if (*indexThere)
      result.noteLines.push_back(indexPath() + ": not read, because " +
                                 std::string(kSingleFile) + " lies beside it");
  } else if (*indexThere) {
    status = readIndex();
    if (status)
      status = openShards(needWeights);
  } else if (needWeights) {
    auto folderThere = exists(folder);
    if (!folderThere)
      return folderThere.takeError();
    return inputError(folder +
                      (*folderThere ? ": has no weights; expected "
                                    : ": no such folder; expected one with ") +
                      std::string(kSingleFile) + " or " +
                      std::string(kIndexFile));
  }
  if (status)
    status = buildTable();
  if (status && (hasIndex || !result.files.empty())) {
    std::vector<std::string> names;
    if (hasIndex)
      for (const auto &[name, shard] : index)
        names.push_back(name);
    else
      for (const auto &[name, place] : found)
        names.emplace_back(name);
    status = checkNames(names);
  }
  if (status)
    status = checkTensors();
  if (!status)
    return status.takeError();
  noteTotalSize();
  return std::move(result);
}

Expected<Checkpoint> Checkpoint::open(const std::string &folder,
                                      const ModelConfig &config) {
  return CheckpointReader(folder, config).read(/*needWeights=*/true);
}

Expected<Checkpoint> Checkpoint::openMetadata(const std::string &folder,
                                              const ModelConfig &config) {
  return CheckpointReader(folder, config).read(/*needWeights=*/false);
}

const CheckpointTensor *Checkpoint::tensor(std::string_view name) const {
  const ExpectedTensor *entry = table->find(name);
  return entry ? &used[static_cast<size_t>(entry - table->tensors().data())]
               : nullptr;
}

uint64_t Checkpoint::sizeBytes() const {
  uint64_t total = 0;
  for (const CheckpointTensor &tensor : used)
    total += *tensorSizeBytes(tensor.type, tensor.shape);
  return total;
}

} // namespace mm1
